//! A picture that a terminal or a phone sent: it is refused, or becomes as many pixels as it promised.
//!
//! A panic in a decoder is the picture's fault and ends as a refusal, so it is no finding here. Anything else is: our
//! own assertions, time, memory.
#![no_main]

use std::panic;

use face::{PICTURE_PIXELS_MAX, upright_size};
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: {
        // The fuzzer's own hook would end the process before the panic is caught.
        panic::set_hook(Box::new(|_| {}));
    },
    |bytes: &[u8]| {
        check(bytes);
        if let Some(mended) = with_right_checksums(bytes) {
            check(&mended);
        }
    }
);

fn check(bytes: &[u8]) {
    let size = upright_size(bytes);
    assert_eq!(size, upright_size(bytes), "the same picture is read the same");
    if let Ok((width, height)) = size {
        assert!(width > 0 && height > 0 && width * height <= PICTURE_PIXELS_MAX, "{width} x {height}");
    }
}

/// A PNG whose chunks have right checksums, or the fuzzer would hardly ever get past the first.
fn with_right_checksums(bytes: &[u8]) -> Option<Vec<u8>> {
    const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
    let mut rest = bytes.strip_prefix(SIGNATURE)?;
    let mut mended = SIGNATURE.to_vec();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let chunk = usize::try_from(u32::from_be_bytes(*length)).ok()?.checked_add(4)?;
        let (Some(body), Some(next)) = (after.get(..chunk), after.get(chunk.checked_add(4)?..)) else {
            break;
        };
        mended.extend_from_slice(length);
        mended.extend_from_slice(body);
        mended.extend_from_slice(&crc32(body).to_be_bytes());
        rest = next;
    }
    mended.extend_from_slice(rest);
    Some(mended)
}

/// The checksum of PNG (ISO/IEC 15948, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}
