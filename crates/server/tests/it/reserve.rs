//! An empty reserve delays a compensation, and never loses it.

use api::{CompensationView, DisputeStaffView, DisputeView, Funding};
use types::Amount;

use crate::fixture::{Fixture, Setup, transfer, yuan};

#[test]
fn what_the_reserve_cannot_pay_stays_owed() {
    let fixture = Fixture::with(&Setup { reserve_fen: 1_999, ..Setup::default() });
    let own =
        || fixture.payer.get::<DisputeView>(&format!("/v1/me/disputes/{}", fixture.dispute_id)).unwrap();
    let owed = own();
    assert_eq!(owed.compensation, CompensationView::AwaitingApproval { amount: yuan(2_000) });
    assert!(owed.timeline.iter().any(|entry| entry.kind == "dispute_awaits_approval"), "the payer is told");

    let path = format!("/v1/disputes/{}/compensation", fixture.dispute_id);
    let refused = fixture.staff.post_empty::<DisputeStaffView>(&path).unwrap_err();
    assert_eq!(refused.code(), Some("insufficient_funds"));
    let funding = Funding { transfer_id: transfer(77), amount: yuan(1) };
    let _: Amount = fixture.staff.post("/v1/reserve/fundings", &funding).unwrap();
    let _: DisputeStaffView = fixture.staff.post_empty(&path).unwrap();
    assert!(matches!(own().compensation, CompensationView::Paid { amount, at: _ } if amount == yuan(2_000)));
    fixture.verify();
}
