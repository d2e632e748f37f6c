//! Each rule, broken alone by somebody who has the key.

use std::fmt::Write as _;

use expect_test::expect;

use super::{Arrived, NONCE, key, public};
use crate::{Claim, Parts, Refusal};

const KEY: &str = "key_00000000000000000000000000000009";

/// Signs what `input` says it covers, over the request `POST /v1/orders?dry=1`, whatever the rules say about that.
fn signed(input: &str) -> Arrived {
    let mut arrived = Arrived::order();
    let list = input.split_once('=').map_or(input, |(_, list)| list);
    let mut base = String::new();
    let names = list.trim_start_matches('(').split(')').next().unwrap();
    for name in names.split_whitespace() {
        let value = match name.trim_matches('"') {
            "@method" => "POST".to_owned(),
            "@authority" => "pay.example".to_owned(),
            "@path" => "/v1/orders".to_owned(),
            "@query" => "?dry=1".to_owned(),
            "content-digest" => arrived.header("content-digest"),
            _ => "x".to_owned(),
        };
        writeln!(base, "{name}: {value}").unwrap();
    }
    write!(base, "\"@signature-params\": {list}").unwrap();
    let signature = key().sign(base.as_bytes());
    arrived.set("signature-input", input);
    let label = input.split('=').next().unwrap();
    arrived.set("signature", crate::message::Input::signature_field(&signature).replacen("sig1", label, 1));
    arrived
}

fn told(arrived: &Arrived) -> String {
    match arrived.verify() {
        Ok(_) => "right".to_owned(),
        Err(Refusal::Malformed(what)) => format!("signature_malformed: {what}"),
        Err(Refusal::Components(what)) => format!("signature_components: {what}"),
        Err(refusal) => refusal.code().to_owned(),
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a flat list of rules")]
fn each_rule_is_held_against_a_right_signature() {
    let all = r#""@method" "@authority" "@path" "@query" "content-digest""#;
    let params = format!(";created=1750000000;keyid=\"{KEY}\";alg=\"ed25519\";nonce=\"{NONCE}\"");
    let right = format!("sig1=({all}){params}");
    let with = |old: &str, new: &str| {
        assert!(right.contains(old), "{old}");
        right.replacen(old, new, 1)
    };
    let inputs = [
        ("right", right.clone()),
        ("another order", right.replace(all, r#""content-digest" "@query" "@path" "@method" "@authority""#)),
        ("no alg", with(";alg=\"ed25519\"", "")),
        (
            "params elsewhere",
            with(&params, &format!(";nonce=\"{NONCE}\";keyid=\"{KEY}\";created=1750000000")),
        ),
        ("another label", with("sig1", "terminal")),
        ("no method", with("\"@method\" ", "")),
        ("no authority", with("\"@authority\" ", "")),
        ("no path", with("\"@path\" ", "")),
        ("no query", with("\"@query\" ", "")),
        ("no digest", with(" \"content-digest\"", "")),
        ("nothing", with(all, "")),
        ("twice", with("\"@path\"", "\"@path\" \"@path\"")),
        ("target uri", with("\"@path\"", "\"@path\" \"@target-uri\"")),
        ("status", with("\"@path\"", "\"@path\" \"@status\"")),
        ("absent header", with("\"@path\"", "\"@path\" \"date\"")),
        ("parameter", with("\"@path\"", "\"@path\";req")),
        ("capitals", with("\"@path\"", "\"@path\" \"Content-Digest\"")),
        ("token for a name", with("\"@path\"", "path")),
        ("old", with("1750000000", "1749999699")),
        ("early", with("1750000000", "1750000301")),
        ("expired", with("1750000000", "1750000000;expires=1750000000")),
        ("expires later", with("1750000000", "1750000000;expires=1750000001")),
        ("created a string", with("1750000000", "\"1750000000\"")),
        ("created a date", with("1750000000", "@1750000000")),
        ("created a decimal", with("1750000000", "1750000000.5")),
        ("negative", with("1750000000", "-1750000000")),
        ("no created", with(";created=1750000000", "")),
        ("created twice", with("created=1750000000", "created=1;created=1750000000")),
        ("no nonce", with(&format!(";nonce=\"{NONCE}\""), "")),
        ("short nonce", with(NONCE, "short")),
        ("long nonce", with(NONCE, &"n".repeat(65))),
        ("odd nonce", with(NONCE, "n n n n n n n n n")),
        ("token nonce", with(&format!("\"{NONCE}\""), "abcdefghijklmnopq")),
        ("no keyid", with(&format!(";keyid=\"{KEY}\""), "")),
        ("foreign keyid", with(KEY, "https://example.com/key")),
        ("other alg", with("alg=\"ed25519\"", "alg=\"hmac-sha256\"")),
        ("alg a token", with("alg=\"ed25519\"", "alg=ed25519")),
        ("tag", format!("{right};tag=\"x\"")),
        ("double space", with("\"@method\" ", "\"@method\"  ")),
        ("no list", with(&format!("({all})"), "1")),
        ("two labels", format!("{right}, sig2=({all}){params}")),
        ("label twice", format!("{right}, {right}")),
        ("seventeen", with(all, &format!("{all}{}", " \"a\"".repeat(12)))),
        ("very long", with(NONCE, &"n".repeat(3_000))),
    ];
    let lines: Vec<String> =
        inputs.iter().map(|(name, input)| format!("{name:<20}{}", told(&signed(input)))).collect();
    expect![[r#"
        right               right
        another order       right
        no alg              right
        params elsewhere    right
        another label       right
        no method           signature_components: one of "@method", "@authority", "@path" is missing
        no authority        signature_components: one of "@method", "@authority", "@path" is missing
        no path             signature_components: one of "@method", "@authority", "@path" is missing
        no query            signature_components: there is a query, and "@query" is missing
        no digest           signature_components: "content-digest" is missing
        nothing             signature_components: one of "@method", "@authority", "@path" is missing
        twice               signature_components: a component is covered twice
        target uri          signature_components: only @method, @authority, @path and @query can be derived here
        status              signature_components: only @method, @authority, @path and @query can be derived here
        absent header       signature_components: a header is covered that is not there
        parameter           signature_components: components take no parameters here
        capitals            signature_components: a header is covered that is not there
        token for a name    signature_malformed: the name of a component is a string
        old                 signature_stale
        early               signature_stale
        expired             signature_stale
        expires later       right
        created a string    signature_malformed: `created` is a Unix time in seconds
        created a date      signature_malformed: `created` is a Unix time in seconds
        created a decimal   signature_malformed: `created` is a Unix time in seconds
        negative            signature_stale
        no created          signature_malformed: `created` is a Unix time in seconds
        created twice       signature_malformed: Signature-Input is no canonical dictionary of one member
        no nonce            signature_malformed: `nonce` is 16 to 64 letters, digits, - or _
        short nonce         signature_malformed: `nonce` is 16 to 64 letters, digits, - or _
        long nonce          signature_malformed: `nonce` is 16 to 64 letters, digits, - or _
        odd nonce           signature_malformed: `nonce` is 16 to 64 letters, digits, - or _
        token nonce         signature_malformed: `nonce` is 16 to 64 letters, digits, - or _
        no keyid            signature_malformed: `keyid` is the key_... that the key was given
        foreign keyid       signature_malformed: `keyid` is the key_... that the key was given
        other alg           signature_algorithm
        alg a token         signature_algorithm
        tag                 signature_malformed: a parameter is none of created, expires, nonce, keyid, alg
        double space        signature_malformed: Signature-Input is no canonical dictionary of one member
        no list             signature_malformed: Signature-Input lists no components
        two labels          signature_malformed: Signature-Input is no canonical dictionary of one member
        label twice         signature_malformed: Signature-Input is no canonical dictionary of one member
        seventeen           signature_components: cover at most 16 components
        very long           signature_malformed: Signature-Input and Signature hold at most 2,048 bytes each"#]].assert_eq(&lines.join("\n"));
}

#[test]
fn fields_that_do_not_fit_each_other() {
    let mut lines = Vec::new();
    let mut check = |name: &str, change: &dyn Fn(&mut Arrived)| {
        let mut arrived = Arrived::order();
        change(&mut arrived);
        lines.push(format!("{name:<20}{}", told(&arrived)));
    };
    let again = |arrived: &mut Arrived, name: &str| {
        let value = arrived.header(name).into_bytes();
        arrived.headers.push((name.to_owned(), value));
    };
    check("no signature", &|a| a.headers.retain(|(name, _)| name != "signature"));
    check("no input", &|a| a.headers.retain(|(name, _)| name != "signature-input"));
    check("neither", &|a| a.headers.retain(|(name, _)| !name.starts_with("signature")));
    check("signature twice", &|a| again(a, "signature"));
    check("input twice", &|a| again(a, "signature-input"));
    check("digest twice", &|a| again(a, "content-digest"));
    check("other label", &|a| a.set("signature", a.header("signature").replace("sig1", "sig2")));
    check("two signatures", &|a| {
        a.set("signature", format!("{0}, sig2{1}", a.header("signature"), &a.header("signature")[4..]))
    });
    check("63 bytes", &|a| a.set("signature", format!("sig1=:{}:", base(&[1; 63]))));
    check("65 bytes", &|a| a.set("signature", format!("sig1=:{}:", base(&[1; 65]))));
    check("a string", &|a| a.set("signature", "sig1=\"abc\""));
    check("with parameter", &|a| a.set("signature", format!("{};x", a.header("signature"))));
    check("without padding", &|a| {
        a.set("signature", a.header("signature").replace("=:", ":").replacen("sig1:", "sig1=:", 1))
    });
    check("not ASCII", &|a| a.set("signature", "sig1=:\u{e9}:"));
    check("zero signature", &|a| a.set("signature", format!("sig1=:{}:", base(&[0; 64]))));
    check("surrounding spaces", &|a| a.set("signature", format!("  {} ", a.header("signature"))));
    check("digest of another", &|a| a.set("content-digest", crate::ContentDigest::of(b"x").to_field()));
    check("sha-512", &|a| a.set("content-digest", format!("sha-512=:{}:", base(&[1; 64]))));
    check("two digests", &|a| {
        a.set("content-digest", format!("{0}, sha-512=:{1}:", a.header("content-digest"), base(&[1; 64])))
    });
    check("digest in hex", &|a| a.set("content-digest", "sha-256=00"));
    check("no digest", &|a| a.headers.retain(|(name, _)| name != "content-digest"));
    check("other body", &|a| a.body.push(b' '));
    check("no body", &|a| a.body.clear());
    expect![[r#"
        no signature        signature_malformed: send both Signature-Input and Signature
        no input            signature_malformed: send both Signature-Input and Signature
        neither             signature_malformed: there is no signature
        signature twice     signature_malformed: a header that belongs to the signature came twice
        input twice         signature_malformed: a header that belongs to the signature came twice
        digest twice        signature_malformed: a header that belongs to the signature came twice
        other label         signature_malformed: Signature and Signature-Input have different labels
        two signatures      signature_malformed: Signature is no canonical dictionary of one member
        63 bytes            signature_malformed: Signature is not 64 bytes without parameters
        65 bytes            signature_malformed: Signature is not 64 bytes without parameters
        a string            signature_malformed: Signature is no byte sequence
        with parameter      signature_malformed: Signature is not 64 bytes without parameters
        without padding     signature_malformed: Signature is no canonical dictionary of one member
        not ASCII           signature_malformed: a header that belongs to the signature is not plain ASCII
        zero signature      signature_wrong
        surrounding spaces  right
        digest of another   signature_wrong
        sha-512             digest_malformed
        two digests         digest_malformed
        digest in hex       digest_malformed
        no digest           signature_components: a header is covered that is not there
        other body          digest_wrong
        no body             digest_wrong"#]]
    .assert_eq(&lines.join("\n"));
}

fn base(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn without_a_signature_there_is_no_claim() {
    let parts = Parts { method: "GET", authority: "pay.example", path: "/", query: None, headers: &[] };
    assert!(Claim::read(&parts).unwrap().is_none());
    assert!(crate::verify(&parts, b"", &public(), super::now()).is_err());
}
