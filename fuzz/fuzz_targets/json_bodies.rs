//! The body of a request, as every type that the interface takes: what is taken, is written and taken again the same.
//!
//! A test of xtask holds that no request type of the OpenAPI document is missing here.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

macro_rules! bodies {
    ($body:ident: $($kind:ident)+) => { $(check::<api::$kind>($body);)+ };
}

fuzz_target!(|body: &[u8]| {
    bodies!(body:
        AcceptGuardian AcceptInvitation Capture CapturePayment ChangePassword ChangePhone ChangePin Closing
        ConfirmAnswer ConfirmEnrolment ConfirmInvitation Consent DeviceLocation FindingRequest FinishRecovery
        Freeze Funding NewActivation NewBreakGlass NewChallenge NewEnrolment NewIdentity NewLogin NewLoginChallenge
        NewMerchant NewMerchantKey NewPasskey NewPasskeyLogin WithPin
        NewMerchantUser NewOrder NewOwner NewPayer NewPhoneCode NewRefund NewRelocation NewSession NewTerminal
        NewUser NewWard NotMe OidcCode OrderCodePayment PayerLogin Payout Reason RecoverAccount RecoverPin Recovery
        ReverseNumber RotateKey SetMerchantRole SetRoles StatementRequest StepUp Terms Unfreeze Webhook
    );
});

fn check<T: Serialize + DeserializeOwned>(body: &[u8]) {
    let Ok(taken) = serde_json::from_slice::<T>(body) else { return };
    let written = serde_json::to_vec(&taken).expect("a request can be written");
    let again = serde_json::from_slice::<T>(&written).expect("what was written is a request");
    let twice = serde_json::to_vec(&again).expect("a request can be written");
    assert!(written == twice, "{} is read as something else", String::from_utf8_lossy(&written));
}
