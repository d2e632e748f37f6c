//! Pictures as a camera gives them. A camera never writes the same file twice: at least the time of day in it differs. Who
//! sends a stored picture again and again is not one, so stories and tests that stand for a living person before a camera
//! take theirs through here.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::device::moment;

/// The same JPEG with a comment of its own (ITU-T T.81, B.2.4.5), as base64; anything else as it was. The pixels stay, so
/// every score stays.
#[must_use]
pub fn retaken(picture: &str) -> String {
    let Ok(bytes) = STANDARD.decode(picture) else { return picture.to_owned() };
    let Some(rest) = bytes.strip_prefix(&[0xff, 0xd8]) else { return picture.to_owned() };
    let (at, random) = moment();
    let comment = format!("taken {at} {}", URL_SAFE_NO_PAD.encode(&random[..12]));
    let length = u16::try_from(comment.len() + 2).expect("a short comment").to_be_bytes();
    STANDARD.encode([&[0xff, 0xd8, 0xff, 0xfe], &length[..], comment.as_bytes(), rest].concat())
}

/// A PNG that promises this size and next to nothing after it: a decoder that believes it takes all memory.
pub(crate) fn promised(width: u32, height: u32) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for chunk in [header, b"IDAT\x78\x9c\x03\x00\x00\x00\x00\x01".to_vec(), b"IEND".to_vec()] {
        bytes.extend(u32::try_from(chunk.len() - 4).expect("a short chunk").to_be_bytes());
        bytes.extend(&chunk);
        // ISO 3309, bit by bit.
        let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
        let crc = !chunk.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step));
        bytes.extend(crc.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pictures_are_never_the_same() {
        let picture = STANDARD.encode([0xff, 0xd8, 0xff, 0xdb, 1, 2]);
        let (one, two) = (retaken(&picture), retaken(&picture));
        assert!(one != two && one != picture);
        let bytes = STANDARD.decode(&one).unwrap();
        assert!(bytes.starts_with(&[0xff, 0xd8, 0xff, 0xfe]) && bytes.ends_with(&[0xff, 0xdb, 1, 2]));
        assert_eq!(retaken("no base64!"), "no base64!");
        assert_eq!(retaken("AAAA"), "AAAA");
    }
}
