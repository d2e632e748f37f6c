//! Whatever is sent, the answer is a typed refusal: no panic, no evidence, no memory spent on a promise.

use face::{AnalyseError, FrameRefusal, PICTURE_BYTES_MAX};
use proptest::prelude::*;

use crate::{MODELS, Pixels, sample, verdict};

/// A small good picture: the cheap basis of damaged ones.
fn small_jpeg() -> Vec<u8> {
    sample("P003/studio_posture.jpg")
}

#[test]
fn what_is_no_picture_is_refused() {
    let gif = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,";
    let others: [&[u8]; 6] = [b"", b"\xff", b"a line of text", b"<svg/>", gif, b"RIFF\x24\0\0\0WEBPVP8 "];
    for bytes in others {
        assert_eq!(verdict(bytes), Err("not_a_picture"), "{bytes:?}");
    }
    assert_eq!(verdict(&vec![0xff; PICTURE_BYTES_MAX + 1]), Err("too_many_bytes"));
    assert_eq!(verdict(&vec![0xff; PICTURE_BYTES_MAX]), Err("not_a_picture"));
}

#[test]
fn a_picture_cut_short_is_refused_at_every_length() {
    let jpeg = small_jpeg();
    let png = Pixels::of_jpeg(&jpeg).crop(600, 200, 64, 64).to_png();
    for whole in [jpeg, png] {
        let few = (0..200).chain((200..whole.len()).step_by(whole.len() / 60)).chain([whole.len() - 2]);
        for length in few {
            let refused = verdict(&whole[..length]);
            let cut_short = matches!(refused, Err("not_a_picture" | "undecodable"));
            assert!(cut_short, "{length} of {}: {refused:?}", whole.len());
        }
    }
}

fn png_chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [name, data].concat();
    let crc = !body.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xedb8_8320 } else { c >> 1 })
    });
    [&u32::try_from(data.len()).unwrap().to_be_bytes(), body.as_slice(), &crc.to_be_bytes()].concat()
}

fn png_of_size(width: u32, height: u32, idat: &[u8]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let signature: &[u8] = b"\x89PNG\r\n\x1a\n";
    let chunks = [png_chunk(b"IHDR", &header), png_chunk(b"IDAT", idat), png_chunk(b"IEND", b"")];
    [signature, &chunks.concat()].concat()
}

#[test]
fn bombs_are_refused_by_their_header() {
    for (width, height) in [(50_000, 50_000), (u32::MAX, u32::MAX), (25_000_001, 1), (5_001, 5_000)] {
        assert_eq!(verdict(&png_of_size(width, height, b"")), Err("too_many_pixels"), "{width} x {height}");
    }
    assert_eq!(verdict(&png_of_size(0, 10, b"")), Err("undecodable"));
    // The largest that is admitted, with nothing in it.
    assert_eq!(verdict(&png_of_size(5_000, 5_000, b"\x78\x9c\x03\0\0\0\0\x01")), Err("undecodable"));
    // A JPEG of 65,500 x 65,500, from its frame header.
    let mut jpeg = small_jpeg();
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
    let error = MODELS.analyse(&jpeg).unwrap_err();
    assert_eq!(error, AnalyseError::Refused(FrameRefusal::TooManyPixels { width: 65_500, height: 65_500 }));
}

#[test]
fn tiny_and_thin_pictures_have_no_face() {
    for (width, height) in [(1, 1), (1, 700), (3_000, 1), (31, 33)] {
        assert_eq!(verdict(&Pixels::map(width, height, |_, _| [90, 60, 30]).to_png()), Err("no_face"));
    }
}

#[test]
fn a_refusal_shows_nothing_but_sizes() {
    let error = MODELS.analyse(b"the secret of the payer").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(kind in 0..3_usize, bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let start: [&[u8]; 3] = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"];
        prop_assert!(verdict(&[start[kind], &bytes].concat()).is_err());
    }
}

proptest! {
    // Each case may decode and analyse a whole picture.
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Damage in the tables, the frame header or the data: refused, or still a picture; never ours to blame.
    #[test]
    fn damaged_pictures_never_panic(
        png in any::<bool>(),
        damage in proptest::collection::vec((0..3_000_usize, any::<u8>()), 1..6),
    ) {
        let jpeg = small_jpeg();
        let mut bytes = if png { Pixels::of_jpeg(&jpeg).crop(600, 200, 40, 40).to_png() } else { jpeg };
        let length = bytes.len();
        for (at, value) in damage {
            // Headers are where damage is interesting; one in three lands anywhere.
            let at = if at % 3 == 0 { at * 997 % length } else { at % 700 % length };
            bytes[at] = value;
        }
        if let Err(error) = MODELS.analyse(&bytes) {
            prop_assert!(matches!(error, AnalyseError::Refused(_)), "{error}");
        }
    }
}
