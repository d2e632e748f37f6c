//! Passive liveness: is what the camera sees skin, or paper and screen?
//!
//! The networks answer for what is in front of the lens. A picture injected behind the lens passes, and no
//! threshold travels between cameras; hence the active challenge and the signed terminal around this.

use types::Probability;

use crate::evidence::FaceBox;
use crate::manifest::LivenessSpec;
use crate::picture::Picture;
use crate::resample::{Crop, resize_bilinear, to_f32, to_index};
use crate::runtime::{Lane, Network, RuntimeError};

/// The probability of the live class: softmax of each network, then their mean. Averaging matters: re-encoding
/// alone moved one network's answer to a spoof from 0.44 to 0.70.
///
/// Beside it, for each network, the logarithms of all its classes' probabilities.
///
/// Only to be asked about a detected face: noise without one scores 0.995.
pub(crate) fn liveness(
    networks: &[(LivenessSpec, Network)],
    lane: &Lane,
    picture: &Picture,
    face: &FaceBox,
) -> Result<(Probability, Vec<Vec<f32>>), RuntimeError> {
    let (mut sum, mut classes) = (0.0, Vec::with_capacity(networks.len()));
    for (spec, network) in networks {
        let crop = window(picture, face, f64::from(spec.window));
        let input = resize_bilinear(picture, crop, spec.side, spec.side);
        let outputs = network.run(lane, input.planes(lane.room(), spec.pixels, 1))?;
        sum += outputs
            .first()
            .and_then(|logits| share(logits, spec.live_class))
            .ok_or_else(|| RuntimeError("the output has no probability of the live class".to_owned()))?;
        classes.push(outputs.first().map(|logits| logarithms(logits)).unwrap_or_default());
    }
    let live = Probability::new((sum / networks.len() as f64).min(1.0))
        .ok_or_else(|| RuntimeError("the mean is no probability".to_owned()))?;
    Ok((live, classes))
}

/// ln of each class's part of a softmax, at least -20.
fn logarithms(logits: &[f32]) -> Vec<f32> {
    let ln = |class| share(logits, class).map_or(-20.0, |share| share.ln().max(-20.0));
    (0..logits.len()).map(ln).map(to_f32).collect()
}

/// The face box enlarged about its centre, at most to the picture's size; where it would leave the picture it is
/// shifted back inside, never padded.
fn window(picture: &Picture, face: &FaceBox, scale: f64) -> Crop {
    let (right, bottom) = ((picture.width - 1) as f64, (picture.height - 1) as f64);
    let (width, height) = (f64::from(face.width), f64::from(face.height));
    let scale = scale.min(right / width).min(bottom / height);
    let span = |start: f32, extent: f64, limit: f64, pixels: usize| {
        let centre = f64::from(start) + extent / 2.0;
        let (low, high) = (centre - extent * scale / 2.0, centre + extent * scale / 2.0);
        let (low, high) = if low < 0.0 { (0.0, high - low) } else { (low, high) };
        let (low, high) = if high > limit { (low - (high - limit), limit) } else { (low, high) };
        let first = to_index(low).min(pixels - 1);
        (first, to_index(high).clamp(first, pixels - 1) - first + 1)
    };
    let (left, columns) = span(face.x, width, right, picture.width);
    let (top, rows) = span(face.y, height, bottom, picture.height);
    Crop { left, top, width: columns, height: rows }
}

/// One class's part of a softmax; `None` when there is no such class or no number comes out.
fn share(logits: &[f32], class: usize) -> Option<f64> {
    let wanted = f64::from(*logits.get(class)?);
    let odds: f64 = logits.iter().map(|logit| (f64::from(*logit) - wanted).exp()).sum();
    let share = 1.0 / odds;
    share.is_finite().then_some(share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn softmax() {
        assert_eq!(share(&[1.0, 1.0], 0), Some(0.5));
        assert_eq!(share(&[1000.0, -1000.0], 1), Some(0.0));
        assert_eq!(share(&[1.0], 1), None);
        assert_eq!(share(&[f32::NAN, 1.0], 1), None);
        assert_eq!(logarithms(&[100.0, 0.0]), [0.0, -20.0]);
    }

    #[test]
    fn the_window_is_shifted_not_padded() {
        let picture = Picture { width: 101, height: 201, rgb: Vec::new() };
        let face = |x, y| FaceBox { x, y, width: 20.0, height: 40.0 };
        let crop = |left, top| Crop { left, top, width: 41, height: 81 };
        assert_eq!(window(&picture, &face(40.0, 80.0), 2.0), crop(30, 60));
        assert_eq!(window(&picture, &face(0.0, -5.0), 2.0), crop(0, 0));
        assert_eq!(window(&picture, &face(90.0, 190.0), 2.0), crop(60, 120));
        let all = Crop { left: 0, top: 0, width: 101, height: 201 };
        assert_eq!(window(&picture, &face(0.0, 0.0), 9.0), all);
    }

    proptest! {
        #[test]
        fn the_window_lies_inside(
            (width, height) in (1_usize..300, 1_usize..300),
            (x, y) in (-1e4_f32..1e4, -1e4_f32..1e4),
            (w, h) in (1e-3_f32..1e5, 1e-3_f32..1e5),
        ) {
            let picture = Picture { width, height, rgb: Vec::new() };
            let crop = window(&picture, &FaceBox { x, y, width: w, height: h }, 2.7);
            prop_assert!(crop.width >= 1 && crop.left + crop.width <= width);
            prop_assert!(crop.height >= 1 && crop.top + crop.height <= height);
        }
    }
}
