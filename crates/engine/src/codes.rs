//! Six digits that prove who has a phone. Nothing here looks at whether the phone has an account.

use evidence::DataKey;
use store::{CodePurpose, CodeState, Language, PhoneCodeRow, Tx};
use subtle::ConstantTimeEq;
use types::{ChallengeId, PhoneNumber, SignedDuration, Timestamp};
use zeroize::Zeroizing;

use crate::engine::{Context, Engine, new_code};
use crate::keys::KeyOf;
use crate::phones::read_phone;
use crate::rejected::{Error, Rejected};
use crate::texts::NewText;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A code on its way to a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentCode {
    /// What the answer names.
    pub challenge: ChallengeId,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// The answer to a code that was sent.
pub struct PhoneProof {
    /// Which code.
    pub challenge: ChallengeId,
    /// The digits.
    pub code: Zeroizing<String>,
}

impl Engine {
    /// Sends a code to a phone, whether or not it has an account, in place of an open one for the same purpose.
    ///
    /// # Errors
    /// [`Rejected::SmsUnavailable`], [`Rejected::RateLimited`]; an operating fault.
    pub fn send_code(
        &self,
        ctx: &mut Context<'_>,
        phone: &PhoneNumber,
        purpose: CodePurpose,
        language: Language,
    ) -> Result<SentCode, Error> {
        self.can_text()?;
        let codes = &self.policy.codes;
        let (now, phone_index) = (ctx.now, self.phone_index(phone));
        let expires_at = now + SignedDuration::from_mins(i64::from(codes.minutes));
        let challenge = ChallengeId::generate(ctx.now, ctx.random);
        let code = Zeroizing::new(new_code(ctx.random));
        let key = DataKey::draw(ctx.random);
        let phone_sealed = key.seal(&label(challenge), phone.reveal().as_bytes(), ctx.random);
        let row = |key| PhoneCodeRow {
            id: challenge,
            phone_index,
            purpose,
            phone_sealed: phone_sealed.clone(),
            key,
            code_hash: self.phone_code_hash(challenge, &code),
            failures: 0,
            state: CodeState::Open,
            created_at: now,
            expires_at,
        };
        self.store.write(|tx| {
            let sent = tx.phone_codes_since(&phone_index, ctx.now - DAY, codes.per_day)?;
            if let Some(seconds) = self.wait_for_code(&sent, ctx.now) {
                return Err(Error::from(Rejected::RateLimited { seconds }));
            }
            tx.insert_phone_code(&row(self.keys.wrap(tx, KeyOf::PhoneCode(challenge), &key, ctx.random)?))?;
            let args = serde_json::json!({ "code": *code, "minutes": codes.minutes });
            let text =
                NewText { to: phone, language, kind: words_for(purpose), args, until: Some(expires_at) };
            self.text(tx, ctx, &text).map_err(Error::from)
        })?;
        self.ring();
        Ok(SentCode { challenge, expires_at })
    }

    /// How many seconds until a further code may be sent; none: it may now.
    fn wait_for_code(&self, sent: &[Timestamp], now: Timestamp) -> Option<u64> {
        let codes = &self.policy.codes;
        let windows = [(codes.per_minute, MINUTE), (codes.per_hour, HOUR), (codes.per_day, DAY)];
        let free_at = windows.into_iter().filter_map(|(limit, window)| {
            let at = usize::try_from(limit).ok()?.checked_sub(1)?;
            sent.get(at).map(|oldest| *oldest + window)
        });
        let wait = free_at.max().filter(|free_at| *free_at > now)?.duration_since(now);
        // Rounded up: whoever waits exactly so long is let through.
        u64::try_from(wait.as_millis()).ok().map(|millis| millis.div_ceil(1000).max(1))
    }

    /// A code that can still be answered. Whether the answer is right is another question.
    pub(crate) fn open_challenge(
        tx: &Tx<'_>,
        now: Timestamp,
        id: ChallengeId,
        purpose: CodePurpose,
    ) -> Result<PhoneCodeRow, Error> {
        let row = tx.phone_code(id)?.filter(|row| row.purpose == purpose).ok_or(Rejected::challenge())?;
        match row.state {
            CodeState::Open if row.expires_at <= now => Err(Rejected::CodeExpired.into()),
            CodeState::Open => Ok(row),
            CodeState::Used | CodeState::Replaced | CodeState::Failed => Err(Rejected::CodeOver.into()),
        }
    }

    /// Compares an answer, in constant time, and counts a wrong one. The inner refusal is to be committed.
    pub(crate) fn answer_code(
        &self,
        tx: &Tx<'_>,
        now: Timestamp,
        proof: &PhoneProof,
        purpose: CodePurpose,
    ) -> Result<Result<PhoneCodeRow, Rejected>, Error> {
        let row = Self::open_challenge(tx, now, proof.challenge, purpose)?;
        if self.is_right(&row, proof) {
            return Ok(Ok(row));
        }
        self.count_try(tx, row)?;
        Ok(Err(Rejected::CodeWrong))
    }

    /// Is this the code? To be asked without counting only where a wrong one is counted right after.
    pub(crate) fn is_right(&self, row: &PhoneCodeRow, proof: &PhoneProof) -> bool {
        self.phone_code_hash(row.id, proof.code.trim()).ct_eq(&row.code_hash).into()
    }

    /// Counts a try that failed.
    pub(crate) fn count_try(&self, tx: &Tx<'_>, row: PhoneCodeRow) -> anyhow::Result<()> {
        let failures = row.failures + 1;
        let state = if failures >= self.policy.codes.tries { CodeState::Failed } else { CodeState::Open };
        tx.update_phone_code(&PhoneCodeRow { failures, state, ..row })
    }

    /// A right answer has done its work.
    pub(crate) fn use_code(tx: &Tx<'_>, row: PhoneCodeRow) -> anyhow::Result<()> {
        tx.update_phone_code(&PhoneCodeRow { state: CodeState::Used, ..row })
    }

    /// The phone a code was sent to.
    pub(crate) fn phone_of_code(&self, row: &PhoneCodeRow) -> anyhow::Result<PhoneNumber> {
        let of = (KeyOf::PhoneCode(row.id), Some(&row.key));
        read_phone(&self.keys.open_value(of, &label(row.id), &row.phone_sealed)?)
    }

    /// Forgets codes of more than a day ago, which no limit counts any more; returns how many.
    ///
    /// # Errors
    /// An operating fault.
    pub fn forget_codes(&self, now: Timestamp) -> Result<usize, Error> {
        self.store.write(|tx| tx.delete_phone_codes(now - DAY).map_err(Error::from))
    }

    fn phone_code_hash(&self, id: ChallengeId, code: &str) -> [u8; 32] {
        self.keys.blind_index("phone code", &format!("{id} {code}"))
    }
}

fn label(id: ChallengeId) -> String {
    format!("phone code {id}")
}

const fn words_for(purpose: CodePurpose) -> &'static str {
    match purpose {
        CodePurpose::Register => "text_register",
        CodePurpose::Login => "text_login",
        CodePurpose::Change => "text_change",
        CodePurpose::Recover => "text_recover",
        CodePurpose::Guardian => "text_guardian",
    }
}
