//! The people of a merchant: owner, cashier, finance.

use api::{
    AcceptInvitation, Accepted, Invited, MerchantBalances, NewMerchant, NewMerchantReply, NewMerchantUser,
    NewOrder, NewOwner, OrderView, RefundView, SetMerchantRole, UserList,
};
use scenario::{Client, Member, PASSWORD};
use types::{MerchantId, MerchantRole};

use super::{act, next_step, try_put, who};
use crate::fixture::{Fixture, new_order, yuan};
use crate::money::{new_refund, put, refused};

fn first_owner(staff: &Client, merchant: MerchantId, login: &str) -> Result<Invited, scenario::CallError> {
    let new = NewOwner { login: login.to_owned(), name: "Zhao".to_owned() };
    staff.post(&format!("/v1/merchants/{merchant}/owners"), &new)
}

fn employ(owner: &Client, login: &str, role: MerchantRole) -> Result<Invited, scenario::CallError> {
    let new = NewMerchantUser { login: login.to_owned(), name: "Chen".to_owned(), role };
    owner.post("/v1/merchant/users", &new)
}

fn without_totp(anybody: &Client, invited: &Invited) -> Result<Accepted, scenario::CallError> {
    let (invitation, password) = (invited.invitation.clone(), PASSWORD.to_owned());
    anybody.post("/v1/invitations/accept", &AcceptInvitation { invitation, password, without_totp: true })
}

#[test]
fn an_owner_makes_cashiers_and_finance_of_the_own_merchant_only() {
    let fixture = Fixture::new();
    let (staff, anybody) = (&fixture.staff, &fixture.anybody);
    refused(first_owner(&fixture.admin, fixture.merchant_id, "zhao"), "role_missing");
    let invited = first_owner(staff, fixture.merchant_id, "zhao").unwrap();
    refused(first_owner(staff, fixture.merchant_id, "sun"), "owner_exists");
    refused(without_totp(anybody, &invited), "totp_mandatory");
    let member = Member::join(anybody, &invited).unwrap();
    let owner = member.log_in(anybody).unwrap();
    let me = who(&owner).unwrap();
    assert_eq!((me.merchant_id, me.role), (Some(fixture.merchant_id), Some(MerchantRole::Owner)));

    let at_till = employ(&owner, "chen", MerchantRole::Cashier).unwrap();
    assert!(without_totp(anybody, &at_till).unwrap().totp.is_none());
    let cashier = Member { login: "chen".to_owned(), authenticator: None };
    let chen = cashier.log_in(anybody).unwrap();
    let order = NewOrder { amount: yuan(700), ..new_order(fixture.terminal_id, "chen's") };
    let _: OrderView = chen.post("/v1/orders", &order).unwrap();
    refused(chen.get::<MerchantBalances>("/v1/merchant/balances"), "right_missing");
    let path = format!("/v1/payments/{}/refunds", fixture.payment_id);
    refused(chen.post::<RefundView>(&path, &new_refund("r1", yuan(1))), "right_missing");
    refused(employ(&chen, "sun", MerchantRole::Owner), "right_missing");
    refused(chen.get::<api::DisputeList>("/v1/disputes"), "wrong_role");

    let books = employ(&owner, "qian", MerchantRole::Finance).unwrap();
    let qian = Member::join(anybody, &books).unwrap().log_in(anybody).unwrap();
    let _: MerchantBalances = qian.get("/v1/merchant/balances").unwrap();
    refused(qian.post::<OrderView>("/v1/orders", &order), "right_missing");

    // A role that needs a second factor is not given to whoever has none.
    let role = |role| SetMerchantRole { role };
    let path = |user: &Invited| format!("/v1/merchant/users/{}/role", user.user_id);
    refused(try_put(&owner, &path(&at_till), &role(MerchantRole::Finance)), "totp_mandatory");
    refused(try_put(&owner, &path(&invited), &role(MerchantRole::Cashier)), "own_roles");
    let () = put(&owner, &path(&books), &role(MerchantRole::Cashier));
    refused(who(&qian), "key_unknown");
    act(&owner, at_till.user_id, "disable").unwrap();
    refused(who(&chen), "key_unknown");

    elsewhere(&fixture, &owner, &at_till);
    // The owner lost the second factor: merchant care helps.
    let again: Invited = staff.post_empty(&format!("/v1/users/{}/reset", invited.user_id)).unwrap();
    refused(who(&owner), "key_unknown");
    next_step(&fixture);
    Member::join(anybody, &again).unwrap();
}

/// Another merchant's owner, and the own one, see only their own people.
fn elsewhere(fixture: &Fixture, owner: &Client, employed: &Invited) {
    let shop = NewMerchant { name: "Panda Toys".to_owned(), city: "Chengdu".to_owned() };
    let shop: NewMerchantReply = fixture.staff.post("/v1/merchants", &shop).unwrap();
    let stranger = fixture.anybody.with_key(&shop.api_key);
    for what in ["reset", "disable", "enable"] {
        refused(act(&stranger, employed.user_id, what), "user_unknown");
        refused(act(owner, fixture.user_id, what), "user_unknown");
        refused(act(&fixture.admin, employed.user_id, what), "user_unknown");
    }
    let path = format!("/v1/merchant/users/{}/role", employed.user_id);
    let role = SetMerchantRole { role: MerchantRole::Owner };
    refused(try_put(&stranger, &path, &role), "user_unknown");
    let list: UserList = stranger.get("/v1/merchant/users").unwrap();
    assert!(list.users.is_empty());
    let list: UserList = owner.get("/v1/merchant/users").unwrap();
    assert_eq!(
        list.users.iter().map(|user| user.login.as_str()).collect::<Vec<_>>(),
        ["chen", "qian", "zhao"]
    );
}
