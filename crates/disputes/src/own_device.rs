//! What weighs about a debit without a face: a PIN typed on the payer's own device.

use serde::{Deserialize, Serialize};

use crate::Side;

/// What is known of the device that paid an order's code, and of the PIN that was typed on it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwnDeviceFacts {
    /// For how long it had been the payer's when it paid; none where its record is gone.
    pub registered_minutes: Option<f64>,
    /// Had it joined the account lately, by the policy then in force? Whoever takes an account over begins with a device;
    /// the one that opened the account is no newcomer.
    pub young: bool,
    /// Was it taken off the account since?
    pub revoked: bool,
    /// Had the PIN been replaced lately without the old one?
    pub pin_recovered: bool,
}

impl OwnDeviceFacts {
    /// Does something point to other hands?
    pub(crate) const fn is_doubtful(self) -> bool {
        self.young || self.revoked || self.pin_recovered
    }
}

/// The items about the factors. Those here that point against the debit are decisive.
pub(crate) fn weigh(device: &OwnDeviceFacts, add: &mut impl FnMut(&str, Side, String)) {
    use Side::{AgainstAuthorisation, ForAuthorisation};
    let held = |minutes: f64| {
        if minutes < 48.0 * 60.0 {
            format!("{minutes:.0} minutes")
        } else {
            format!("{:.0} days", minutes / (24.0 * 60.0))
        }
    };
    let typed = "the PIN was typed on a device of the payer's; no face was looked at";
    add("pin_on_own_device", ForAuthorisation, typed.into());
    match device.registered_minutes {
        Some(minutes) => {
            let (code, side) = if device.young {
                ("device_new", AgainstAuthorisation)
            } else {
                ("device_known", ForAuthorisation)
            };
            add(code, side, format!("the device had been the payer's for {}", held(minutes)));
        }
        None => add(
            "device_record_missing",
            AgainstAuthorisation,
            "the record of the device is gone; that counts against the operator".into(),
        ),
    }
    if device.revoked {
        add(
            "device_revoked",
            AgainstAuthorisation,
            "the device was taken off the account since: lost or stolen, perhaps".into(),
        );
    }
    if device.pin_recovered {
        add(
            "pin_recovered",
            AgainstAuthorisation,
            "the PIN had been replaced shortly before, without the old one".into(),
        );
    }
}
