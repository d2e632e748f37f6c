//! An order's code as an address and as a QR picture.

use std::str::FromStr;

use anyhow::{Context as _, Result, ensure};
use qrcode::QrCode;
use qrcode::render::svg;
use url::{Host, Url};

/// Side of the picture; an SVG is drawn at any size, this is the one it names.
const SIDE: u32 = 240;

/// Where payers' devices find this server: a scheme and a host, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicOrigin(Url);

impl FromStr for PublicOrigin {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let url = Url::parse(text).context("it is no URL")?;
        let here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        ensure!(url.scheme() == "https" || (url.scheme() == "http" && here), "it begins with https://");
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        ensure!(bare, "it ends after the host: no path, query or fragment");
        ensure!(url.username().is_empty() && url.password().is_none(), "it holds no name and no password");
        Ok(Self(url))
    }
}

impl PublicOrigin {
    /// As it was given.
    pub(crate) const fn url(&self) -> &Url {
        &self.0
    }
}

/// What the picture says: an address that a phone's camera opens, or one that the wallet knows by its scheme.
pub(crate) fn address(origin: Option<&PublicOrigin>, code: &str) -> String {
    match origin {
        Some(PublicOrigin(origin)) => format!("{origin}pay/{code}"),
        None => format!("surety:pay?code={code}"),
    }
}

/// The picture: an SVG document, dark on light with the margin that scanners need.
pub(crate) fn picture(address: &str) -> Result<String> {
    let code = QrCode::new(address).context("an address is short enough for a QR picture")?;
    Ok(code.render::<svg::Color<'_>>().min_dimensions(SIDE, SIDE).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        let good = [
            "https://pay.example",
            "https://pay.example/",
            "https://pay.example:8443",
            "http://127.0.0.1:80",
            "http://[::1]:1",
        ];
        for text in good {
            text.parse::<PublicOrigin>().unwrap_or_else(|error| panic!("{text}: {error}"));
        }
        let bad = [
            "",
            "pay.example",
            "http://pay.example",
            "ftp://pay.example",
            "https://pay.example/wallet",
            "https://pay.example/?a",
            "https://pay.example/#a",
            "https://me:secret@pay.example",
            "javascript:alert(1)",
        ];
        for text in bad {
            assert!(text.parse::<PublicOrigin>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_address_leads_to_the_code() {
        let origin: PublicOrigin = "https://pay.example:8443".parse().unwrap();
        assert_eq!(address(Some(&origin), "00ff"), "https://pay.example:8443/pay/00ff");
        assert_eq!(address(None, "00ff"), "surety:pay?code=00ff");
    }

    /// Read back by a program that only sees the picture's modules.
    #[test]
    fn the_picture_reads_as_the_address() {
        let said = address(None, &"0123456789abcdef".repeat(4));
        let svg = picture(&said).unwrap();
        assert_eq!(scanned(&svg), said);
    }

    /// The dark squares of the SVG, as a scanner sees them.
    fn scanned(svg: &str) -> String {
        let number = |text: &str| text.parse::<usize>().unwrap();
        let attribute = |name: &str| {
            let rest = svg.split_once(&format!(" {name}=\"")).unwrap().1;
            rest.split_once('"').unwrap().0.to_owned()
        };
        let side = number(&attribute("width"));
        let mut dark = vec![false; side * side];
        for square in attribute("d").split('M').skip(1) {
            let (x, rest) = square.split_once(' ').unwrap();
            let (y, rest) = rest.split_once('h').unwrap();
            let (width, rest) = rest.split_once('v').unwrap();
            let height = rest.split('H').next().unwrap();
            for row in number(y)..number(y) + number(height) {
                for column in number(x)..number(x) + number(width) {
                    dark[row * side + column] = true;
                }
            }
        }
        let mut image =
            rqrr::PreparedImage::prepare_from_greyscale(
                side,
                side,
                |x, y| {
                    if dark[y * side + x] { 0 } else { 255 }
                },
            );
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1, "one code in the picture");
        grids[0].decode().unwrap().1
    }
}
