//! Bytes to upright RGB pixels, with every limit checked before memory is spent.

mod orientation;

use std::panic::{AssertUnwindSafe, catch_unwind};

use zeroize::{Zeroize, Zeroizing};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_core::result::DecodingResult;
use zune_jpeg::JpegDecoder;
use zune_png::PngDecoder;

use crate::manifest::{Channels, Pixels};
use crate::refusal::{FrameRefusal, PICTURE_BYTES_MAX, PICTURE_PIXELS_MAX};
use crate::runtime::Planes;

/// A progressive JPEG may revisit every block in every scan; cameras use about ten.
const JPEG_SCANS_MAX: usize = 32;
const PNG_SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];
/// Signature, then the first chunk's length and name, then width and height.
const PNG_SIZE_AT: usize = 16;

/// An upright picture: `rgb` holds `height` rows of `width` pixels of three bytes.
pub(crate) struct Picture {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) rgb: Vec<u8>,
}

/// Wiped when it is dropped: it shows a face.
impl Drop for Picture {
    fn drop(&mut self) {
        self.rgb.zeroize();
    }
}

/// A picture whose header has been read and found acceptable.
pub(crate) struct Opened<'a> {
    width: usize,
    height: usize,
    decoder: Decoder<'a>,
}

enum Decoder<'a> {
    Jpeg(Box<JpegDecoder<ZCursor<&'a [u8]>>>),
    Png(Box<PngDecoder<ZCursor<&'a [u8]>>>),
}

impl<'a> Opened<'a> {
    /// Reads the header only. A panic in a decoder is the picture's fault: `Undecodable`.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, FrameRefusal> {
        if bytes.len() > PICTURE_BYTES_MAX {
            return Err(FrameRefusal::TooManyBytes { bytes: bytes.len() });
        }
        catch_unwind(|| {
            if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
                open_jpeg(bytes)
            } else if bytes.starts_with(&PNG_SIGNATURE) {
                open_png(bytes)
            } else {
                Err(FrameRefusal::NotAPicture)
            }
        })
        .unwrap_or(Err(FrameRefusal::Undecodable))
    }

    /// Decodes all of it and turns it upright. A damaged picture is refused, not guessed.
    pub(crate) fn decode(self) -> Result<Picture, FrameRefusal> {
        let Self { width, height, decoder } = self;
        catch_unwind(AssertUnwindSafe(|| match decoder {
            Decoder::Jpeg(mut decoder) => {
                let rgb = decoder.decode().map_err(|_detail| FrameRefusal::Undecodable)?;
                if rgb.len() != width * height * 3 {
                    return Err(FrameRefusal::Undecodable);
                }
                let turn = decoder.exif().map_or(1, |exif| orientation::read(exif));
                Ok(orientation::upright(Picture { width, height, rgb }, turn))
            }
            Decoder::Png(mut decoder) => match decoder.decode() {
                Ok(DecodingResult::U8(samples)) => {
                    let rgb = colours(samples, width * height).ok_or(FrameRefusal::Undecodable)?;
                    Ok(Picture { width, height, rgb })
                }
                Ok(_) | Err(_) => Err(FrameRefusal::Undecodable),
            },
        }))
        .unwrap_or(Err(FrameRefusal::Undecodable))
    }
}

/// Width and height, in pixels, of the upright picture that [`FaceModels::analyse`](crate::FaceModels::analyse) would
/// show to its networks: read and decoded under the same limits, and no network is needed.
///
/// # Errors
/// [`FrameRefusal`], as an analysis gives it before it looks for a face.
///
/// # Panics
/// When the pixels are not as many as that: a bug.
pub fn upright_size(bytes: &[u8]) -> Result<(usize, usize), FrameRefusal> {
    let picture = Opened::read(bytes)?.decode()?;
    assert_eq!(picture.rgb.len(), picture.width * picture.height * 3, "three bytes for each pixel");
    Ok((picture.width, picture.height))
}

fn check_size(width: usize, height: usize) -> Result<(), FrameRefusal> {
    match width.checked_mul(height) {
        Some(0) => Err(FrameRefusal::Undecodable),
        Some(pixels) if pixels <= PICTURE_PIXELS_MAX => Ok(()),
        Some(_) | None => Err(FrameRefusal::TooManyPixels { width, height }),
    }
}

fn open_jpeg(bytes: &[u8]) -> Result<Opened<'_>, FrameRefusal> {
    let options = DecoderOptions::new_fast()
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_max_scans(JPEG_SCANS_MAX)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = Box::new(JpegDecoder::new_with_options(ZCursor::new(bytes), options));
    decoder.decode_headers().map_err(|_detail| FrameRefusal::Undecodable)?;
    let info = decoder.info().ok_or(FrameRefusal::Undecodable)?;
    let (width, height) = (usize::from(info.width), usize::from(info.height));
    check_size(width, height)?;
    // The decoder notices a missing end only row by row; every whole file has the end marker.
    if !bytes.windows(2).rev().any(|pair| pair == [0xff, 0xd9]) {
        return Err(FrameRefusal::Undecodable);
    }
    Ok(Opened { width, height, decoder: Decoder::Jpeg(decoder) })
}

fn open_png(bytes: &[u8]) -> Result<Opened<'_>, FrameRefusal> {
    let side = |at: usize| {
        let word = bytes.get(at..at + 4)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(word)).ok()
    };
    let (Some(width), Some(height)) = (side(PNG_SIZE_AT), side(PNG_SIZE_AT + 4)) else {
        return Err(FrameRefusal::Undecodable);
    };
    check_size(width, height)?;
    let options = DecoderOptions::new_fast()
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .png_set_confirm_crc(true)
        .inflate_set_confirm_adler(true)
        // Four channels of 16 bits, a filter byte per row, and room for the rows of interlaced passes.
        .inflate_set_limit(width * height * 8 + 16 * (height + width) + 4096)
        .png_set_strip_to_8bit(true);
    let mut decoder = Box::new(PngDecoder::new_with_options(ZCursor::new(bytes), options));
    decoder.decode_headers().map_err(|_detail| FrameRefusal::Undecodable)?;
    if decoder.dimensions() != Some((width, height)) || decoder.is_animated() {
        return Err(FrameRefusal::Undecodable);
    }
    Ok(Opened { width, height, decoder: Decoder::Png(decoder) })
}

/// Grey, grey with alpha, RGB or RGBA to RGB. Transparency is ignored: a camera takes none.
fn colours(samples: Vec<u8>, pixels: usize) -> Option<Vec<u8>> {
    let mut samples = Zeroizing::new(samples);
    let channels = samples.len() / pixels;
    if samples.len() != pixels * channels {
        return None;
    }
    match channels {
        1 | 2 => Some(samples.chunks_exact(channels).flat_map(|p| [p[0]; 3]).collect()),
        3 => Some(std::mem::take(&mut *samples)),
        4 => Some(samples.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect()),
        _ => None,
    }
}

impl Picture {
    /// The planes of a network's input: this picture in the upper left, zero-valued pixels to the right and
    /// below until both sides are multiples of `multiple`.
    /// They lie in `room`, which was used before.
    pub(crate) fn planes(&self, room: Vec<f32>, pixels: Pixels, multiple: usize) -> Planes {
        let (height, width) = (self.height.next_multiple_of(multiple), self.width.next_multiple_of(multiple));
        let value = |byte: u8| (f32::from(byte) - pixels.mean) * pixels.scale;
        let mut data = room;
        data.clear();
        data.resize(3 * width * height, value(0));
        let order = match pixels.channels {
            Channels::Rgb => [0, 1, 2],
            Channels::Bgr => [2, 1, 0],
        };
        for (plane, channel) in data.chunks_exact_mut(width * height).zip(order) {
            for (line, row) in plane.chunks_exact_mut(width).zip(self.rgb.chunks_exact(self.width * 3)) {
                for (sample, pixel) in line.iter_mut().zip(row.as_chunks::<3>().0) {
                    *sample = value(pixel[channel]);
                }
            }
        }
        Planes { height, width, data }
    }
}
