//! Whatever is changed about a signed request, it is refused; and whatever comes, nothing panics.

use proptest::prelude::*;

use super::{Arrived, key, now, public, stamp};
use crate::{Parts, Refusal, Request, sign, verify};

/// Another byte at one place.
fn flipped(text: &[u8], at: usize, by: u8) -> Vec<u8> {
    let mut changed = text.to_vec();
    let at = at % changed.len();
    changed[at] ^= by;
    changed
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

proptest! {
    /// Upper and lower case of the host are the one change that means nothing.
    #[test]
    fn any_changed_byte_is_refused(at in 0_usize..10_000, by in 1_u8..=255, what in 0_usize..8) {
        let right = Arrived::order();
        let mut changed = right.clone();
        match what {
            0 => changed.method = text(flipped(right.method.as_bytes(), at, by)),
            1 => changed.authority = text(flipped(right.authority.as_bytes(), at, by)),
            2 => changed.path = text(flipped(right.path.as_bytes(), at, by)),
            3 => changed.query = right.query.as_ref().map(|query| text(flipped(query.as_bytes(), at, by))),
            4 => changed.body = flipped(&right.body, at, by),
            5 => changed.set("content-digest", flipped(right.header("content-digest").as_bytes(), at, by)),
            6 => changed.set("signature-input", flipped(right.header("signature-input").as_bytes(), at, by)),
            _ => changed.set("signature", flipped(right.header("signature").as_bytes(), at, by)),
        }
        if !changed.authority.eq_ignore_ascii_case(&right.authority) || what != 1 {
            // The label stands in both fields and is signed in neither, so one changed alone no longer fits.
            prop_assert!(changed.verify().is_err(), "{changed:?}");
        }
    }

    #[test]
    fn any_request_that_was_signed_is_right(
        method in "[A-Z]{1,8}",
        path in "(/[a-zA-Z0-9._~%-]{0,9}){0,4}",
        query in proptest::option::of("[a-zA-Z0-9=&%?/-]{0,30}"),
        body in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let target = query.as_ref().map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
        prop_assert!(Arrived::signed(&method, &target, &body).verify().is_ok());
    }

    /// The same bytes, cut elsewhere: no two requests share a signature.
    #[test]
    fn path_and_query_do_not_run_into_each_other(cut in 0_usize..20) {
        let whole = "/v1/orders?number=77";
        let right = Arrived::signed("GET", whole, b"");
        let mut moved = right.clone();
        moved.path = whole[..cut].to_owned();
        moved.query = Some(whole[cut..].to_owned());
        prop_assert!(moved.verify().is_err());
    }

    #[test]
    fn noise_is_refused_and_never_panics(
        method in ".{0,9}", authority in ".{0,20}", path in ".{0,20}", query in proptest::option::of(".{0,9}"),
        input in proptest::collection::vec(any::<u8>(), 0..300),
        signature in proptest::collection::vec(any::<u8>(), 0..300),
        digest in proptest::collection::vec(any::<u8>(), 0..80),
        body in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let headers: [(&str, &[u8]); 3] =
            [("signature-input", &input), ("signature", &signature), ("content-digest", &digest)];
        let parts = Parts {
            method: &method, authority: &authority, path: &path, query: query.as_deref(), headers: &headers,
        };
        prop_assert!(verify(&parts, &body, &public(), now()).is_err());
    }

    /// Near misses: a right field with a piece of another right field somewhere in it.
    #[test]
    fn spliced_fields_never_panic(
        at in 0_usize..200, length in 0_usize..40,
        piece in prop::sample::select(vec![
            "\"@path\"", ";created=1", "();", "sig1=", ",", ";keyid=\"\"", ":::", "\"", "(", ")", " ", "\t", "@",
            "=?1", "=%\"x\"", "@1750000000", "999999999999999", "-1", "1.5", "*", "\"date\";bs",
        ]),
    ) {
        let mut changed = Arrived::order();
        let field = changed.header("signature-input");
        let start = at.min(field.len());
        let end = (start + length).min(field.len());
        let spliced = format!("{}{piece}{}", &field[..start], &field[end..]);
        let same = spliced.trim_matches(' ') == field;
        changed.set("signature-input", spliced);
        prop_assert!(same || changed.verify().is_err());
    }
}

/// Each bit of the signature, the key and the digest counts.
#[test]
fn every_bit_of_a_signature_counts() {
    let request = Request { method: "GET", authority: "pay.example", target: "/", body: b"" };
    let headers = sign(&key(), &request, &stamp());
    let (input, signature) = (&headers[0].1, &headers[1].1);
    let (parsed, bytes) = crate::message::Input::parse(input, signature).unwrap();
    let parts = Parts { method: "GET", authority: "pay.example", path: "/", query: None, headers: &[] };
    let base = crate::message::base(&parts, &parsed).unwrap();
    assert!(public().is_by(&bytes, base.as_bytes()));
    for bit in 0..512 {
        let mut other = bytes;
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(!public().is_by(&other, base.as_bytes()), "bit {bit}");
    }
    let mut other = Arrived::signed("GET", "/", b"");
    other.set("content-digest", crate::ContentDigest::of(b"").to_field());
    assert!(matches!(other.verify(), Err(Refusal::Components(_))), "a digest that nothing covers");
}
