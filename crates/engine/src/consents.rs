//! The separate consent to the processing of face data: its texts, and giving it.
//!
//! The text in force says what Art. 5 and 6 of the Chinese rules on face recognition of 2025-06-01 ask for, and Art. 17
//! and 30 of the law on personal information: who, what, how, why, for how long, why it is needed and what it means, what
//! happens to whoever refuses (nothing), how to withdraw, which rights there are. Consents name their version, so a text
//! that was ever in force stays readable, and a changed text has a new version.

use serde_json::json;
use store::{ConsentRow, Tx};
use types::{ConsentId, PayerId};

use crate::callers::OwnDevice;
use crate::engine::{Context, Engine, record};
use crate::rejected::{Error, Rejected};

/// Oldest first; the last one is in force.
const TEXTS: [Text; 3] = [
    Text {
        version: "2026-11",
        zh: include_str!("../messages/consent-2026-11-zh.txt"),
        en: include_str!("../messages/consent-2026-11-en.txt"),
    },
    Text {
        version: "2026-12",
        zh: include_str!("../messages/consent-2026-12-zh.txt"),
        en: include_str!("../messages/consent-2026-12-en.txt"),
    },
    Text {
        version: LEARNS_SINCE,
        zh: include_str!("../messages/consent-2027-01-zh.txt"),
        en: include_str!("../messages/consent-2027-01-en.txt"),
    },
];
/// The first text that says that enrolment pictures are kept, and that confirmed payments renew a template.
const LEARNS_SINCE: &str = "2027-01";
/// Instead of an operator that the policy does not name.
const NOBODY: [(&str, &str); 2] = [
    ("本服务的运营方（尚未在策略中填写名称）", "本服务的运营方（尚未在策略中填写联系方式）"),
    ("the operator of this service (its policy names nobody yet)", "the operator of this service"),
];

/// With `{operator}` and `{contact}` where the policy's words go.
struct Text {
    version: &'static str,
    zh: &'static str,
    en: &'static str,
}

/// A consent text as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsentText {
    /// Its version: what a consent names.
    pub version: &'static str,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// The version of the consent text in force.
#[must_use]
pub const fn consent_version() -> &'static str {
    let [.., last] = &TEXTS;
    last.version
}

impl Engine {
    /// The consent text in force.
    #[must_use]
    pub fn consent_text(&self) -> ConsentText {
        let [.., last] = &TEXTS;
        self.shown(last)
    }

    /// A consent text that is or was in force, with the operator of today.
    ///
    /// # Errors
    /// [`Rejected::Unknown`]: there never was such a version.
    pub fn consent_text_of(&self, version: &str) -> Result<ConsentText, Rejected> {
        let found = TEXTS.iter().find(|text| text.version == version);
        found.map(|text| self.shown(text)).ok_or(Rejected::consent_text())
    }

    fn shown(&self, text: &Text) -> ConsentText {
        let [zh, en] = match &self.policy.operator {
            Some(named) => [(named.name.as_str(), named.contact.as_str()); 2],
            None => NOBODY,
        };
        let fill = |text: &str, (operator, contact): (&str, &str)| {
            text.replace("{operator}", operator).replace("{contact}", contact)
        };
        ConsentText { version: text.version, zh: fill(text.zh, zh), en: fill(text.en, en) }
    }

    /// Records the consent to the processing of face data, and which words were agreed to.
    ///
    /// # Errors
    /// [`Rejected::ConsentVersion`]; an operating fault.
    pub fn consent(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        version: &str,
    ) -> Result<ConsentRow, Error> {
        let text = self.consent_text();
        if version != text.version {
            return Err(Rejected::ConsentVersion.into());
        }
        self.store.write(|tx| {
            if let Some(given) = tx.consent(device.payer)?.filter(|given| given.version == version) {
                return Ok(given);
            }
            let row = ConsentRow {
                id: ConsentId::generate(ctx.now, ctx.random),
                payer: device.payer,
                version: version.to_owned(),
                given_at: ctx.now,
                withdrawn_at: None,
            };
            tx.insert_consent(&row)?;
            // The operator's name stands in the text and may change under one version: these are the words as shown.
            let shown = [&text.zh, &text.en].map(|words| evidence::digest(words.as_bytes()));
            let event = json!({ "event": "consent_given", "version": version, "sha256": shown });
            record(tx, ctx, &device.payer.to_string(), &device.payer, event)?;
            Ok(row)
        })
    }
}

/// Does the consent that is given say that confirmed payments renew the template?
pub(crate) fn may_learn(tx: &Tx<'_>, payer: PayerId) -> Result<bool, Error> {
    let given = tx.consent(payer)?;
    let place = |version: &str| TEXTS.iter().position(|text| text.version == version);
    Ok(given.is_some_and(|given| place(&given.version) >= place(LEARNS_SINCE)))
}

/// The consent an enrolment rests on: to the text in force, and not withdrawn.
pub(crate) fn consent_in_force(tx: &Tx<'_>, payer: PayerId) -> Result<ConsentRow, Error> {
    let given = tx.consent(payer)?.ok_or(Rejected::ConsentMissing)?;
    if given.version == consent_version() { Ok(given) } else { Err(Rejected::ConsentOutdated.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the law asks to be said, by the words that begin each paragraph.
    #[test]
    fn the_text_in_force_says_all_that_must_be_said() {
        let [.., last] = &TEXTS;
        let zh = [
            "谁在处理：",
            "处理什么、怎么处理：",
            "为什么：",
            "必要性和对您的影响：",
            "保存多久：",
            "如果不同意：",
            "怎么撤回：",
            "您的权利：",
            "未满十四周岁：",
            "在哪里开通：",
        ];
        let en = [
            "Who asks: ",
            "What is done: ",
            "Why: ",
            "Why it is needed, and what it means for you: ",
            "How long: ",
            "If you say no: ",
            "How to withdraw: ",
            "Your rights: ",
            "If you are under 14: ",
            "Where: ",
        ];
        for (text, beginnings) in [(last.zh, zh), (last.en, en)] {
            let mut lines = text.lines();
            for beginning in beginnings {
                assert!(
                    lines.any(|line| line.starts_with(beginning)),
                    "{beginning} is missing, or out of order"
                );
            }
            assert!(text.contains("{operator}") && text.contains("{contact}"));
            let said = text.lines().filter(|line| !line.is_empty()).count();
            assert_eq!(said, 2 + beginnings.len(), "a title, that it stands alone, and nothing besides");
        }
    }

    #[test]
    fn versions_ascend_and_every_text_is_its_own() {
        assert!(TEXTS.windows(2).all(|pair| pair[0].version < pair[1].version));
        assert!(TEXTS.windows(2).all(|pair| pair[0].zh != pair[1].zh && pair[0].en != pair[1].en));
        assert_eq!(consent_version(), "2027-01");
    }

    /// A text that somebody agreed to is never edited: a change is a new version.
    #[test]
    fn released_texts_are_as_they_were() {
        let digests =
            TEXTS.map(|text| (text.version, evidence::digest((text.zh.to_owned() + text.en).as_bytes())));
        expect_test::expect![[r#"
            2026-11 6e89a0292f0cc208d0f9b7f66ce56d2f9cd0ad9af96a6f8463be52c868107609
            2026-12 9da739e8e4c1798997710cbc05e50e883ea1c9142cd48bcbcebe9aa8e3d7868b
            2027-01 3bb62c3dbd606bdaef66db6a9c5fb2797665c1712f77e18cd4911490b94a4ede"#]]
        .assert_eq(&digests.map(|(version, digest)| format!("{version} {digest}")).join("\n"));
    }
}
