//! Memory straight from the system, in huge pages where it gives them.
//!
//! A scan reads every page once. With pages of 4 KiB it spends much of its time looking up where they are, so blocks
//! begin at a multiple of 2 MiB and say that they want huge pages. A system that has none simply gives small ones.

use std::io;

#[cfg(target_os = "linux")]
use memmap2::Advice;
use memmap2::{MmapMut, MmapOptions};

/// The size of a huge page on all machines we know.
pub(crate) const HUGE_PAGE: usize = 2 << 20;

/// Which pages a gallery asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pages {
    /// 2 MiB, where the system gives them.
    #[default]
    Huge,
    /// Never huge ones: to measure what they are worth.
    Small,
}

/// Zeroed bytes that begin at a multiple of 2 MiB and never move. Public for those who measure what reading takes.
pub struct Memory {
    map: MmapMut,
    from: usize,
    len: usize,
}

impl Memory {
    /// So many bytes.
    ///
    /// # Errors
    /// The system has no memory.
    pub fn new(len: usize, pages: Pages) -> io::Result<Self> {
        let map = MmapOptions::new().len(len + HUGE_PAGE).map_anon()?;
        advise(&map, pages);
        let from = map.as_ptr().align_offset(HUGE_PAGE);
        assert!(from <= HUGE_PAGE, "bytes can be aligned");
        Ok(Self { map, from, len })
    }

    /// All of them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.map[self.from..self.from + self.len]
    }

    /// All of them, to write.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.map[self.from..self.from + self.len]
    }
}

/// A wish; a system that refuses it (a kernel without huge pages) works all the same.
fn advise(map: &MmapMut, pages: Pages) {
    #[cfg(target_os = "linux")]
    {
        let advice = match pages {
            Pages::Huge => Advice::HugePage,
            Pages::Small => Advice::NoHugePage,
        };
        drop(map.advise(advice));
    }
    #[cfg(not(target_os = "linux"))]
    drop((map, pages));
}
