//! Numbers, ids, digests and currencies as text: what is taken, is written exactly as it was.
#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use types::{
    AlertId, BreakGlassId, CaptureId, ChallengeId, ConfirmationId, ConsentId, Currency, DeliveryId, Digest,
    DisputeId, EnrolmentId, EventId, GeoPoint, KeyId, LastFour, MerchantId, MessageId, OrderId, PayerId,
    PaymentId, PhoneNumber, RefundId, RelocationId, SessionId, SettlementId, TemplateId, TerminalId,
    TombstoneId, TransferId, UserId,
};

macro_rules! ids {
    ($text:ident: $($kind:ident)+) => { [$(written::<$kind>($text)),+] };
}

fuzz_target!(|text: &str| {
    let ids = ids!(text:
        AlertId BreakGlassId CaptureId ChallengeId ConfirmationId ConsentId DeliveryId DisputeId EnrolmentId EventId KeyId MerchantId MessageId
        OrderId PayerId PaymentId RefundId RelocationId SessionId SettlementId TemplateId TerminalId TombstoneId TransferId UserId
    );
    assert!(ids.iter().flatten().all(|id| id == text), "{text:?} is an id and reads otherwise");
    assert!(ids.iter().flatten().count() <= 1, "{text:?} is an id of two kinds");
    assert!(written::<Currency>(text).is_none_or(|code| code == text), "{text:?} is a currency");
    assert!(
        written::<Digest>(text).is_none_or(|digest| digest == text.to_lowercase()),
        "{text:?} is a digest"
    );
    phone(text);
    if let Ok(point) = serde_json::from_str::<GeoPoint>(text) {
        assert!(point.latitude().abs() <= 90.0 && point.longitude().abs() <= 180.0, "{point:?}");
        assert!(point.distance_km(point).abs() < 1e-6, "{point:?} is far from itself");
    }
});

fn written<T: FromStr + Display>(text: &str) -> Option<String> {
    text.parse::<T>().ok().map(|value| value.to_string())
}

fn phone(text: &str) {
    if let Ok(number) = text.parse::<PhoneNumber>() {
        assert!(number.reveal() == text && text.ends_with(&number.last_four().reveal()), "{text:?}");
        assert!(!format!("{number:?}").contains(|c: char| c.is_ascii_digit()), "{text:?} shows in Debug");
    }
    if let Ok(digits) = text.parse::<LastFour>() {
        assert!(
            digits.reveal() == text && digits.bucket().to_string() == text.trim_start_matches('0').to_owned()
                || text == "0000" && digits.bucket() == 0,
            "{text:?}"
        );
    }
}
