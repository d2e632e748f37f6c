//! Where things are and how far apart.

use geographiclib_rs::{Geodesic, InverseGeodesic};
use serde::{Deserialize, Serialize};

/// A point on the WGS 84 ellipsoid, in degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawPoint", into = "RawPoint")]
pub struct GeoPoint {
    latitude: f64,
    longitude: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPoint {
    latitude: f64,
    longitude: f64,
}

/// The coordinates are not a point on Earth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("latitude must lie in -90..=90 and longitude in -180..=180 degrees")]
pub struct PlaceError;

impl GeoPoint {
    /// A point from degrees.
    ///
    /// # Errors
    /// [`PlaceError`] outside -90..=90 / -180..=180, or for a number that is not finite.
    pub fn new(latitude: f64, longitude: f64) -> Result<Self, PlaceError> {
        if (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude) {
            Ok(Self { latitude, longitude })
        } else {
            Err(PlaceError)
        }
    }

    /// Degrees north of the equator.
    #[must_use]
    pub const fn latitude(self) -> f64 {
        self.latitude
    }

    /// Degrees east of Greenwich.
    #[must_use]
    pub const fn longitude(self) -> f64 {
        self.longitude
    }

    /// The length of the shortest path over the ellipsoid in kilometres (Karney 2013, through `GeographicLib`).
    #[must_use]
    pub fn distance_km(self, other: Self) -> f64 {
        let metres: f64 =
            Geodesic::wgs84().inverse(self.latitude, self.longitude, other.latitude, other.longitude);
        metres / 1_000.0
    }
}

impl TryFrom<RawPoint> for GeoPoint {
    type Error = PlaceError;

    fn try_from(raw: RawPoint) -> Result<Self, PlaceError> {
        Self::new(raw.latitude, raw.longitude)
    }
}

impl From<GeoPoint> for RawPoint {
    fn from(point: GeoPoint) -> Self {
        Self { latitude: point.latitude, longitude: point.longitude }
    }
}

/// An installed address: what a payer reads on a record, and where that is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The city, in the words people use for it.
    pub city: String,
    /// Street and number, or what stands for it.
    pub address: String,
    /// Where that is.
    pub point: GeoPoint,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guangzhou_to_shanghai_and_nonsense() {
        let guangzhou = GeoPoint::new(23.1291, 113.2644).unwrap();
        let shanghai = GeoPoint::new(31.2304, 121.4737).unwrap();
        let km = guangzhou.distance_km(shanghai);
        assert!((1_200.0..1_220.0).contains(&km), "{km}");
        assert!(guangzhou.distance_km(guangzhou) < 1e-9);
        assert_eq!(GeoPoint::new(f64::NAN, 0.0), Err(PlaceError));
        assert!(serde_json::from_str::<GeoPoint>(r#"{"latitude":91,"longitude":0}"#).is_err());
    }
}
