//! A close that lets the last words arrive.
//!
//! Where a connection is closed while the other side is still sending, the system answers what comes next with a
//! reset, and the other side may lose the answer that says why. So what still comes is read for a moment and thrown away.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

const LINGER: Duration = Duration::from_secs(2);
/// Whoever sends more does not listen.
const LINGER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A connection that lingers when it is shut down with something unread.
pub(super) struct Lingering {
    stream: TcpStream,
    linger: Option<Linger>,
}

struct Linger {
    end: Pin<Box<Sleep>>,
    bytes: usize,
}

impl Lingering {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, linger: None }
    }

    /// Reads on for a moment, but not where nothing waits to be read.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut thrown_away = [0_u8; 8 * 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut thrown_away);
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
            let linger = match (read, &mut self.linger) {
                (Poll::Pending, None) => return Poll::Ready(Ok(())),
                (Poll::Pending, Some(linger)) => return linger.end.as_mut().poll(cx).map(Ok),
                (Poll::Ready(Err(_)), _) => return Poll::Ready(Ok(())),
                (Poll::Ready(Ok(())), linger) => {
                    linger.get_or_insert_with(|| Linger { end: Box::pin(sleep(LINGER)), bytes: 0 })
                }
            };
            let bytes = buffer.filled().len();
            linger.bytes += bytes;
            if bytes == 0 || linger.bytes > LINGER_BYTES_MAX {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.linger.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        self.poll_linger(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
