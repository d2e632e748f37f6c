use engine::{DeliveryRow, DeliveryState, Endpoint};
use serde_json::json;
use types::{DeliveryId, Timestamp};
use zeroize::Zeroizing;

use super::Signed;

/// The signature was computed with Python's `hmac`, not with this code.
#[test]
fn the_signature_is_the_specifications() {
    let endpoint = Endpoint {
        url: "https://shop.example/hook".to_owned(),
        secret: Zeroizing::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned()),
    };
    let delivery = DeliveryRow {
        id: DeliveryId::from_bits(1),
        recipient: "merchant:a".to_owned(),
        kind: "payment.captured".to_owned(),
        body: json!({ "type": "payment.captured", "data": { "shop": "灯笼" } }),
        state: DeliveryState::Waiting,
        attempts: 0,
        last_error: None,
        created_at: Timestamp::UNIX_EPOCH,
        done_at: None,
        text: None,
    };
    let signed = Signed::new(&endpoint, &delivery, Timestamp::from_second(1_614_265_330).unwrap()).unwrap();
    assert_eq!(signed.id, "dlv_00000000000000000000000000000001");
    assert_eq!(signed.timestamp, "1614265330");
    assert_eq!(signed.body, r#"{"type":"payment.captured","data":{"shop":"灯笼"}}"#.as_bytes());
    assert_eq!(signed.signature, "v1,yh/uXxkkHUWDMFooIP5AdnaDMmfrBek5g93ZtIlAQCQ=");
}
