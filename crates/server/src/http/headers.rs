//! What every answer tells a browser: guess nothing, run nothing, frame nothing, keep nothing, share nothing.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::address::Scheme;

/// The features a page could ask the browser for, as the OWASP Secure Headers Project lists them; all off. A page that
/// needs its camera says so in its own answer.
const FEATURES_OFF: &str = "accelerometer=(), autoplay=(), camera=(), cross-origin-isolated=(), display-capture=(), \
                            encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), keyboard-map=(), \
                            magnetometer=(), microphone=(), midi=(), payment=(), picture-in-picture=(), \
                            publickey-credentials-get=(), screen-wake-lock=(), sync-xhr=(), usb=(), web-share=(), \
                            xr-spatial-tracking=(), clipboard-read=(), clipboard-write=(), gamepad=(), hid=(), \
                            idle-detection=(), serial=()";

/// After the OWASP REST security cheat sheet (the first six and the features) and the OWASP Secure Headers Project (the
/// cross-origin policies). Answers carry payments and names, so nobody on the way keeps them. An answer's own header
/// stands.
const HEADERS: [(HeaderName, &str); 10] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("permissions-policy"), FEATURES_OFF),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
    (HeaderName::from_static("x-permitted-cross-domain-policies"), "none"),
];

/// A year. Said only where the client came over TLS: RFC 6797 forbids it elsewhere.
const TLS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

pub(crate) async fn harden(request: Request, next: Next) -> Response {
    let secure = match request.extensions().get::<Scheme>() {
        Some(Scheme::Https) => true,
        Some(Scheme::Http) | None => false,
    };
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    if secure {
        response.headers_mut().entry(header::STRICT_TRANSPORT_SECURITY).or_insert(TLS_ONLY);
    }
    response
}
