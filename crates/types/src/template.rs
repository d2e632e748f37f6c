//! Face templates: unit vectors whose scalar product is the similarity score.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::Score;

/// A unit vector an embedding model made of a face. Personal data of the most sensitive kind: it is not
/// `Serialize`, it does not show in `Debug`, and its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Zeroize, ZeroizeOnDrop)]
pub struct Template(Vec<f32>);

/// The numbers are no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Nothing to normalise: empty, all zero, or not finite.
    #[error("a template needs finite numbers that are not all zero")]
    NoDirection,
    /// Templates of different models were mixed.
    #[error("templates of different dimensions cannot be combined")]
    DimensionMixed,
    /// The stored bytes are not whole 32-bit numbers.
    #[error("a stored template must be whole little-endian 32-bit floats")]
    Truncated,
}

impl Template {
    /// The direction of `values`, scaled to length 1.
    ///
    /// # Errors
    /// [`TemplateError::NoDirection`].
    pub fn normalised(mut values: Vec<f32>) -> Result<Self, TemplateError> {
        let length = values.iter().map(|v| f64::from(*v) * f64::from(*v)).sum::<f64>().sqrt();
        if !length.is_finite() || length < 1e-12 {
            values.zeroize();
            return Err(TemplateError::NoDirection);
        }
        for value in &mut values {
            *value = narrow(f64::from(*value) / length);
        }
        Ok(Self(values))
    }

    /// The mean of several templates of one person, scaled to length 1. Fusing several pictures on both
    /// sides is what makes very low false-match rates reachable; the fused score has its own calibration.
    ///
    /// # Errors
    /// [`TemplateError::NoDirection`] for none, [`TemplateError::DimensionMixed`] for unlike ones.
    pub fn fuse(templates: &[Self]) -> Result<Self, TemplateError> {
        Self::fuse_weighted(templates.iter().map(|template| (template, 1.0)))
    }

    /// As [`Template::fuse`], where some templates weigh more than others. Weights that are all the same give what
    /// [`Template::fuse`] gives.
    ///
    /// # Errors
    /// As [`Template::fuse`]; [`TemplateError::NoDirection`] also if a weight is not a finite positive number.
    pub fn fuse_weighted<'a>(
        parts: impl IntoIterator<Item = (&'a Self, f64)>,
    ) -> Result<Self, TemplateError> {
        let mut sum: Option<Zeroizing<Vec<f64>>> = None;
        for (template, weight) in parts {
            if !(weight.is_finite() && weight > 0.0) {
                return Err(TemplateError::NoDirection);
            }
            let sum = sum.get_or_insert_with(|| Zeroizing::new(vec![0.0; template.0.len()]));
            if template.0.len() != sum.len() {
                return Err(TemplateError::DimensionMixed);
            }
            for (total, value) in sum.iter_mut().zip(&template.0) {
                *total += weight * f64::from(*value);
            }
        }
        let sum = sum.ok_or(TemplateError::NoDirection)?;
        Self::normalised(sum.iter().map(|value| narrow(*value)).collect())
    }

    /// Cosine similarity. Templates of different dimensions match nobody: -1.
    #[must_use]
    pub fn similarity(&self, other: &Self) -> Score {
        if self.0.len() != other.0.len() {
            return Score::new(-1.0);
        }
        Score::new(self.0.iter().zip(&other.0).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum())
    }

    /// The coordinates, for search and sealing.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.0
    }

    /// Little-endian 32-bit floats, for sealing. They are wiped as the template is.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // All the room at once: a vector that grows leaves what it held behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.0.len().saturating_mul(size_of::<f32>())));
        self.0.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        bytes
    }

    /// The inverse of [`Template::to_bytes`].
    ///
    /// # Errors
    /// [`TemplateError::Truncated`] or [`TemplateError::NoDirection`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TemplateError> {
        let (words, rest) = bytes.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(TemplateError::Truncated);
        }
        Self::normalised(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
    }
}

#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "rounding to f32 is the point")]
fn narrow(value: f64) -> f32 {
    value as f32
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template(…{})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hides_itself_and_refuses_nonsense() {
        let t = Template::normalised(vec![3.0, 4.0]).unwrap();
        assert_eq!(format!("{t:?}"), "Template(…2)");
        assert!((t.similarity(&t).value() - 1.0).abs() < 1e-6);
        assert_eq!(Template::normalised(vec![]), Err(TemplateError::NoDirection));
        assert_eq!(Template::normalised(vec![0.0; 4]), Err(TemplateError::NoDirection));
        assert_eq!(Template::normalised(vec![f32::NAN, 1.0]), Err(TemplateError::NoDirection));
        assert_eq!(Template::from_bytes(&[1, 2, 3]), Err(TemplateError::Truncated));
        let other = Template::normalised(vec![1.0]).unwrap();
        assert_eq!(Template::fuse(&[t.clone(), other.clone()]), Err(TemplateError::DimensionMixed));
        assert!((t.similarity(&other).value() + 1.0).abs() < 1e-12);
    }

    #[test]
    fn heavier_parts_pull_the_mean_their_way() {
        let [x, y] = [[1.0, 0.0], [0.0, 1.0]].map(|v| Template::normalised(v.to_vec()).unwrap());
        let mean = Template::fuse_weighted([(&x, 3.0), (&y, 4.0)]).unwrap();
        assert!((mean.values()[0] - 0.6).abs() < 1e-6 && (mean.values()[1] - 0.8).abs() < 1e-6);
        let plain = Template::fuse(&[x.clone(), y.clone()]).unwrap();
        assert_eq!(plain, Template::fuse_weighted([(&x, 7.0), (&y, 7.0)]).unwrap());
        for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let refused = Template::fuse_weighted([(&x, 1.0), (&y, weight)]);
            assert_eq!(refused, Err(TemplateError::NoDirection));
        }
    }

    proptest! {
        #[test]
        fn bytes_round_trip(values in proptest::collection::vec(-1.0_f32..1.0, 1..64)) {
            if let Ok(t) = Template::normalised(values) {
                let back = Template::from_bytes(&t.to_bytes()).unwrap();
                prop_assert!(t.similarity(&back).value() > 0.999_999);
            }
        }
    }
}
