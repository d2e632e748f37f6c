//! The EXIF orientation phones write instead of turning the pixels.

use super::Picture;

/// EXIF 2.32, tag 274.
const ORIENTATION: u16 = 0x0112;
/// The first directory of a camera has some twenty entries.
const ENTRIES_MAX: usize = 512;

/// The orientation 1..=8 a TIFF-formatted EXIF block declares; 1 (upright) when it declares none or is damaged.
pub(super) fn read(exif: &[u8]) -> u16 {
    find(exif).filter(|turn| (1..=8).contains(turn)).unwrap_or(1)
}

fn find(exif: &[u8]) -> Option<u16> {
    let little = match exif.get(..4)? {
        [b'I', b'I', 42, 0] => true,
        [b'M', b'M', 0, 42] => false,
        _ => return None,
    };
    let short = |at: usize| {
        let pair = exif.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) })
    };
    let word: [u8; 4] = exif.get(4..8)?.try_into().ok()?;
    let directory = if little { u32::from_le_bytes(word) } else { u32::from_be_bytes(word) };
    let directory = usize::try_from(directory).ok()?;
    let entries = usize::from(short(directory)?).min(ENTRIES_MAX);
    let first = directory.checked_add(2)?;
    (0..entries)
        .filter_map(|entry| first.checked_add(entry * 12))
        .find(|at| short(*at) == Some(ORIENTATION))
        .and_then(|at| short(at.checked_add(8)?))
}

/// The picture as its orientation means it to be seen.
pub(super) fn upright(picture: Picture, turn: u16) -> Picture {
    if !(2..=8).contains(&turn) {
        return picture;
    }
    let Picture { width: stored_width, height: stored_height, rgb: ref stored } = picture;
    let (width, height) =
        if turn >= 5 { (stored_height, stored_width) } else { (stored_width, stored_height) };
    let mut rgb = Vec::with_capacity(stored.len());
    for y in 0..height {
        for x in 0..width {
            let (column, row) = match turn {
                2 => (stored_width - 1 - x, y),
                3 => (stored_width - 1 - x, stored_height - 1 - y),
                4 => (x, stored_height - 1 - y),
                5 => (y, x),
                6 => (y, stored_height - 1 - x),
                7 => (stored_width - 1 - y, stored_height - 1 - x),
                _ => (stored_width - 1 - y, x),
            };
            let at = (row * stored_width + column) * 3;
            rgb.extend_from_slice(&stored[at..at + 3]);
        }
    }
    Picture { width, height, rgb }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exif(little: bool, turn: u16) -> Vec<u8> {
        let two = |v: u16| if little { v.to_le_bytes() } else { v.to_be_bytes() };
        let four = |v: u32| if little { v.to_le_bytes() } else { v.to_be_bytes() };
        let mut block = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
        block.extend(four(8));
        block.extend(two(2));
        for (tag, value) in [(0x0100, 7), (ORIENTATION, turn)] {
            block.extend(two(tag));
            block.extend(two(3));
            block.extend(four(1));
            block.extend(two(value));
            block.extend(two(0));
        }
        block
    }

    #[test]
    fn reads_both_byte_orders_and_survives_damage() {
        for little in [true, false] {
            for turn in 1..=8 {
                assert_eq!(read(&exif(little, turn)), turn);
            }
            assert_eq!(read(&exif(little, 9)), 1);
            let whole = exif(little, 6);
            for cut in 0..whole.len() - 3 {
                assert_eq!(read(&whole[..cut]), 1);
            }
        }
        assert_eq!(read(b"II*\0\xff\xff\xff\xff"), 1);
    }

    /// A row `ab` over a row `cd`, as each orientation shows it.
    #[test]
    fn turns_as_the_standard_says() {
        let seen = |turn| {
            let rgb = b"aaabbbcccdddeeefff".to_vec();
            let picture = upright(Picture { width: 3, height: 2, rgb }, turn);
            let letters: String = picture.rgb.chunks(3).map(|p| char::from(p[0])).collect();
            (picture.width, letters)
        };
        let shown = ["abcdef", "cbafed", "fedcba", "defabc", "adbecf", "daebfc", "fcebda", "cfbead"];
        for (turn, letters) in (1..).zip(shown) {
            assert_eq!(seen(turn), (if turn >= 5 { 2 } else { 3 }, letters.to_owned()), "orientation {turn}");
        }
    }
}
