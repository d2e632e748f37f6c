//! The words payers read: one catalogue per language, in Project Fluent's format.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use serde_json::Value;
use store::{Language, MessageRow};
use types::{Amount, Currency, Probability};
use unic_langid::{LanguageIdentifier, langid};

type Bundle = FluentBundle<FluentResource>;

static ZH: LazyLock<Bundle> = LazyLock::new(|| bundle(langid!("zh-CN"), include_str!("../messages/zh.ftl")));
static EN: LazyLock<Bundle> = LazyLock::new(|| bundle(langid!("en"), include_str!("../messages/en.ftl")));

fn bundle(language: LanguageIdentifier, text: &str) -> Bundle {
    let resource = FluentResource::try_new(text.to_owned()).expect("the shipped catalogue parses");
    let mut bundle = Bundle::new_concurrent(vec![language]);
    // The marks around inserted values help mixed directions of writing and confuse programs; we have neither.
    bundle.set_use_isolating(false);
    bundle.add_resource(resource).expect("the shipped catalogue names each message once");
    bundle
}

const fn catalogue(language: Language) -> &'static LazyLock<Bundle> {
    match language {
        Language::Zh => &ZH,
        Language::En => &EN,
    }
}

/// The words of a message. A kind that the catalogue does not know (written by a newer version) shows as its name.
#[must_use]
pub fn render(message: &MessageRow, language: Language) -> String {
    words(&message.kind, &message.args, language)
}

/// The words of a message or text.
pub(crate) fn words(kind: &str, values: &Value, language: Language) -> String {
    let bundle = catalogue(language);
    let mut args = FluentArgs::new();
    if let Some(object) = values.as_object() {
        for (name, value) in object {
            args.set(name.clone(), argument(bundle, name, value));
        }
    }
    phrase(bundle, &kind.replace('_', "-"), &args).unwrap_or_else(|| kind.to_owned())
}

fn phrase(bundle: &Bundle, key: &str, args: &FluentArgs<'_>) -> Option<String> {
    let pattern = bundle.get_message(key)?.value()?;
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, Some(args), &mut errors);
    errors.is_empty().then(|| text.into_owned())
}

/// Amounts, probabilities and codes as people say them.
fn argument(bundle: &Bundle, name: &str, value: &Value) -> FluentValue<'static> {
    match value {
        Value::Object(_) => {
            serde_json::from_value(value.clone()).map_or(FluentValue::None, |a: Amount| money(a).into())
        }
        Value::Array(checks) => {
            let words = checks.iter().filter_map(Value::as_str).filter_map(|check| {
                phrase(bundle, &format!("check-{}", check.replace('_', "-")), &FluentArgs::new())
            });
            words.collect::<String>().into()
        }
        Value::Number(number) if name == "p_wrong" => {
            let p = number.as_f64().and_then(Probability::new).unwrap_or(Probability::ONE);
            let mut args = FluentArgs::new();
            // Nobody is helped by more than a million million.
            let p = Probability::new(p.value().max(1e-12)).unwrap_or(p);
            args.set("n", p.one_in().trim_start_matches("1 in ").to_owned());
            phrase(bundle, "sure-to", &args).unwrap_or_default().into()
        }
        Value::Number(number) => number.to_string().into(),
        Value::String(text) => text.clone().into(),
        Value::Null => String::new().into(),
        Value::Bool(yes) => yes.to_string().into(),
    }
}

/// With the sign people know, where there is one.
fn money(amount: Amount) -> String {
    let text = amount.to_string();
    let number = text.split(' ').next().unwrap_or_default();
    match amount.currency {
        Currency::CNY => format!("¥{number}"),
        Currency::EUR => format!("€{number}"),
        Currency::USD => format!("${number}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;
    use types::{MessageId, PayerId, Timestamp};

    use super::*;

    fn message(kind: &str, args: Value) -> MessageRow {
        MessageRow {
            id: MessageId::from_bits(1),
            payer: PayerId::from_bits(1),
            at: Timestamp::UNIX_EPOCH,
            kind: kind.to_owned(),
            args,
            reference: String::new(),
        }
    }

    #[test]
    fn a_debit_in_both_languages() {
        let args = json!({
            "amount": { "minor": 10_664, "currency": "CNY" }, "shop": "Lihua", "city": "Xi'an",
            "checks": ["last_four"], "p_wrong": 2.5e-7, "searched": 100_010,
        });
        let debit = message("payment_debited", args);
        expect!["¥106.64 paid by face at Lihua, Xi'an. Recognised by your face and the last four digits of your phone, sure to 1 in 4,000,000, among 100010 faces. Not you? Tap \"not me\"."]
            .assert_eq(&render(&debit, Language::En));
        expect!["您在Xi'an「Lihua」刷脸支付 ¥106.64。识别方式：人脸、手机号后四位，误认概率不超过 4,000,000 分之一，共比对 100010 张人脸。不是您本人？请点「不是我」。"]
            .assert_eq(&render(&debit, Language::Zh));
    }

    /// Every message has words in both catalogues, with the same placeholders.
    #[test]
    fn the_catalogues_agree() {
        let keys = |text: &str| -> Vec<(String, Vec<String>)> {
            let mut found: Vec<(String, Vec<String>)> = Vec::new();
            for line in text.lines() {
                if let Some((key, _)) =
                    line.split_once(" =").filter(|(key, _)| !key.starts_with([' ', '#', '*', '[']))
                {
                    found.push((key.to_owned(), Vec::new()));
                }
                for placeholder in line.split('$').skip(1) {
                    let name: String =
                        placeholder.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
                    let Some((_, names)) = found.last_mut() else { continue };
                    names.push(name);
                    names.sort();
                    names.dedup();
                }
            }
            found
        };
        assert_eq!(keys(include_str!("../messages/zh.ftl")), keys(include_str!("../messages/en.ftl")));
    }

    /// Every kind that the code sends is in the catalogue.
    #[test]
    fn no_message_without_words() {
        let sources = [
            include_str!("cases.rs"),
            include_str!("codes.rs"),
            include_str!("debit.rs"),
            include_str!("devices.rs"),
            include_str!("enrolment.rs"),
            include_str!("erasure.rs"),
            include_str!("identities.rs"),
            include_str!("life.rs"),
            include_str!("minors.rs"),
            include_str!("passkeys.rs"),
            include_str!("pay.rs"),
            include_str!("payers.rs"),
            include_str!("phones.rs"),
            include_str!("pins.rs"),
            include_str!("recovery.rs"),
        ];
        let mut kinds = 0;
        for source in sources {
            let sent = source
                .split("kind: \"")
                .skip(1)
                .chain(source.split("=> (\"").skip(1))
                .chain(source.split("Some((\"").skip(1))
                .chain(
                    source
                        .split("CodePurpose::")
                        .skip(1)
                        .filter_map(|rest| rest.split_once("=> \""))
                        .map(|(_, rest)| rest),
                )
                .chain(source.split("tell_owner(tx, ctx, &row, \"").skip(1));
            for kind in sent.filter_map(|rest| rest.split('"').next()) {
                kinds += 1;
                assert!(ZH.has_message(&kind.replace('_', "-")), "{kind} has no words");
            }
        }
        // Chosen where the debit is made.
        for kind in
            ["payment_debited", "payment_authorised", "code_payment_debited", "code_payment_authorised"]
        {
            assert!(include_str!("debit.rs").contains(&format!("=> \"{kind}\"")), "{kind} is never sent");
            assert!(ZH.has_message(&kind.replace('_', "-")), "{kind} has no words");
        }
        assert!(kinds > 15, "found only {kinds} messages in the sources");
    }
}
