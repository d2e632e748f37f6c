//! Nobody approves the own: what one person asks for, another one lets happen.
//!
//! People are compared by user, never by name or session, so that further roles taken for a while lift nothing.

use store::Tx;
use types::{PayerId, UserId};

use crate::callers::StaffCaller;
use crate::rejected::{Error, Rejected};

/// Goes on only when the approver is none of those who asked for it or had a part in it. Call it in the transaction
/// that approves, on rows that are locked.
pub(crate) fn another_person(
    approver: &StaffCaller,
    involved: impl IntoIterator<Item = Option<UserId>>,
) -> Result<(), Rejected> {
    let involved = involved.into_iter().flatten().any(|user| user == approver.user);
    if involved { Err(Rejected::OwnRequest) } else { Ok(()) }
}

/// Goes on only when the approver is not the payer in person: by the phone number, which identifies an account.
pub(crate) fn not_the_payer(tx: &Tx<'_>, approver: &StaffCaller, payer: PayerId) -> Result<(), Error> {
    let own = tx.secrets(approver.user)?.phone_index;
    let payer = tx.payer(payer)?.ok_or(Rejected::payer())?;
    if own.is_some_and(|own| own == payer.phone_index) { Err(Rejected::OwnRequest.into()) } else { Ok(()) }
}
