//! Erasing for good: the consent is withdrawn, the account is closed, the dispute that still needed a capture is over.
//!
//! Invariants: template, waiting enrolments, their key, probes and the keys of captures go in the transaction that
//! records the wish, and a tombstone names each of them in the same transaction. Files follow after the commit, and
//! what a crash leaves of them no key opens; the next start sweeps it. A capture that an open dispute needs stays until
//! the case is closed, and the tombstone says so.

use ledger::Account;
use serde_json::json;
use store::{
    Erased, ErasedKind, ErasureReason, FaceState, KeptCapture, PartSource, PayerRow, TombstoneRow, Tx,
    Waiting,
};
use types::{CaptureId, DisputeId, EnrolmentId, PayerId, SignedDuration, TombstoneId};

use crate::callers::OwnDevice;
use crate::debit::mask;
use crate::engine::{Context, Engine, Message, PICTURES_MAX, record, tell};
use crate::payers::Profile;
use crate::pins::verify_pin;
use crate::rejected::{Error, Rejected};
use crate::successor::enrolments_of;

/// For how long other processes look for what was erased; a multiple of how often they look.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(10);

impl Engine {
    /// Withdraws the consent: the face is erased in the same transaction. Returns the account, and what tells of it.
    ///
    /// # Errors
    /// [`Rejected::ConsentMissing`]; an operating fault.
    pub fn withdraw(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
    ) -> Result<(Profile, TombstoneRow), Error> {
        let payer = device.payer;
        let tombstone = self.store.write(|tx| {
            tx.payer(payer)?.ok_or(Rejected::payer())?;
            if tx.withdraw_consents(payer, ctx.now)? == 0 {
                return Err(Error::from(Rejected::ConsentMissing));
            }
            let reason = ErasureReason::ConsentWithdrawn;
            let tombstone = erase_face(tx, ctx, payer, (reason, Vec::new()))?;
            let message = Message { kind: "face_deleted", args: json!({}), reference: payer.to_string() };
            tell(tx, ctx, payer, message)?;
            Ok(tombstone)
        })?;
        self.finish(&tombstone)?;
        Ok((self.profile(device)?, tombstone))
    }

    /// Closes the account, with the PIN: the face is erased, then name, phone, PIN, home and traces are destroyed and
    /// the keys of the holder's devices revoked. Payments and books stay, under an id that nobody can name any more.
    ///
    /// # Errors
    /// [`Rejected::PinWrong`], [`Rejected::PinLocked`]; [`Rejected::AccountNotEmpty`], [`Rejected::DisputeOpen`],
    /// [`Rejected::PaymentAuthorised`] while there is something left to settle; an operating fault.
    pub fn close_account(
        &self,
        ctx: &mut Context<'_>,
        device: OwnDevice,
        pin: &str,
    ) -> Result<TombstoneRow, Error> {
        let payer = device.payer;
        let row = self.store.read(|tx| open_payer(tx, payer))?;
        let right = verify_pin(&row, pin)?;
        let outcome = self.store.write(|tx| {
            if let Err(refusal) = self.count_pin(tx, ctx, payer, right)? {
                return Ok(Err(refusal));
            }
            let row = open_payer(tx, payer)?;
            nothing_is_left(tx, payer)?;
            self.destroy_account(tx, ctx, &row).map(Ok)
        })?;
        let tombstone = outcome?;
        self.finish(&tombstone)?;
        Ok(tombstone)
    }

    fn destroy_account(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        row: &PayerRow,
    ) -> Result<TombstoneRow, Error> {
        let payer = row.id;
        let contact = self.contact(row)?.ok_or(Rejected::payer())?;
        let erased = Erased {
            kind: ErasedKind::Contact,
            id: payer.to_string(),
            sealed: Some(evidence::digest(&row.contact_sealed)),
            key: row.contact_key.as_ref().map(evidence::WrappedKey::digest),
        };
        tx.withdraw_consents(payer, ctx.now)?;
        let message = Message { kind: "account_closed", args: json!({}), reference: payer.to_string() };
        tell(tx, ctx, payer, message)?;
        let tombstone = erase_face(tx, ctx, payer, (ErasureReason::AccountClosed, vec![erased]))?;
        tx.unname_sessions(payer, &mask(&contact.name))?;
        let mut nobody = [0; 32];
        ctx.random.fill_bytes(&mut nobody);
        tx.close_payer(payer, &nobody, ctx.now)?;
        tx.revoke_credentials(&payer.to_string(), None, ctx.now)?;
        tx.delete_passkeys(&payer.to_string())?;
        Ok(tombstone)
    }

    /// What follows the commit of an erasure: memory, files, and the database's log. A failure here is made good by
    /// the rounds and by the next start; the erasure itself stands.
    pub(crate) fn finish(&self, tombstone: &TombstoneRow) -> Result<(), Error> {
        match tombstone.reason {
            ErasureReason::ConsentWithdrawn | ErasureReason::AccountClosed => {
                self.gallery.remove(tombstone.payer)?;
            }
            ErasureReason::DisputeClosed => {}
        }
        self.discard_pictures(&enrolments_in(tombstone)?);
        for capture in captures_in(tombstone)? {
            if let Err(error) = self.objects.discard(capture, PICTURES_MAX) {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the files of an erased capture are still there"
                );
            }
        }
        self.log_holds_deleted();
        if let Err(error) = self.cut_log() {
            tracing::error!(error = format!("{error:#}"), "the database's log was not cut");
        }
        Ok(())
    }

    /// Makes sure that what was erased is gone from this process: faces that another process erased lately leave the
    /// gallery, and the database's log is cut if it may hold something deleted. Returns how many faces left.
    ///
    /// # Errors
    /// An operating fault.
    pub fn forget_erased(&self, ctx: &Context<'_>) -> Result<usize, Error> {
        self.cut_log()?;
        let erased = self.store.read(|tx| tx.erased_since(ctx.now - REMEMBERED).map_err(Error::from))?;
        let mut gone = 0;
        for payer in erased {
            gone += usize::from(self.gallery.remove(payer)?);
        }
        Ok(gone)
    }

    /// Erases what is left of faces whose owners have no consent in force: an older version left captures behind, and
    /// another process may take one in the moment of an erasure. Returns of how many payers.
    ///
    /// # Errors
    /// An operating fault; what was erased stays erased.
    pub fn erase_leftovers(&self, ctx: &mut Context<'_>) -> Result<usize, Error> {
        let left = self.store.read(|tx| tx.faces_without_consent().map_err(Error::from))?;
        let mut payers: Vec<PayerId> = left.into_iter().map(|(payer, _)| payer).collect();
        payers.dedup();
        for payer in &payers {
            let erased = self.store.write(|tx| {
                let row = tx.payer(*payer)?.ok_or(Rejected::payer())?;
                if tx.consent(*payer)?.is_some() {
                    return Ok(None);
                }
                let closed = row.closed_at.is_some();
                let reason =
                    if closed { ErasureReason::AccountClosed } else { ErasureReason::ConsentWithdrawn };
                erase_face(tx, ctx, *payer, (reason, Vec::new())).map(Some)
            })?;
            if let Some(tombstone) = erased {
                self.finish(&tombstone)?;
            }
        }
        Ok(payers.len())
    }
}

/// Erases the captures that had outlived an erasure for this dispute, in the transaction that closes it.
pub(crate) fn erase_kept(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    dispute: DisputeId,
    payer: PayerId,
) -> Result<Option<TombstoneRow>, Error> {
    // Whoever erases this payer's face at the same time has marked his captures, or sees that the case is closed.
    tx.payer(payer)?.ok_or(Rejected::payer())?;
    let captures = tx.captures_kept_for(dispute)?;
    if captures.is_empty() {
        return Ok(None);
    }
    let going = captures.iter().map(|capture| capture.id).collect();
    let erased = captures.iter().filter_map(store::CaptureRow::as_erased).collect();
    let tombstone = bury(tx, ctx, payer, (ErasureReason::DisputeClosed, erased, Vec::new()))?;
    erase_captures(tx, going, tombstone.id)?;
    let message = Message { kind: "case_pictures_deleted", args: json!({}), reference: dispute.to_string() };
    tell(tx, ctx, payer, message)?;
    Ok(Some(tombstone))
}

/// Erases everything that shows a payer's face, and what the caller destroys besides. The caller has locked the payer.
fn erase_face(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    payer: PayerId,
    (reason, mut erased): (ErasureReason, Vec<Erased>),
) -> Result<TombstoneRow, Error> {
    let entry = |kind, id: String, sealed: Option<&[u8]>| Erased {
        kind,
        id,
        sealed: sealed.map(evidence::digest),
        key: None,
    };
    for (_, sealed, _) in tx.templates_sealed(payer)? {
        erased.push(entry(ErasedKind::Template, payer.to_string(), Some(&sealed)));
    }
    for part in tx.parts(payer)? {
        erased.push(entry(ErasedKind::TemplatePart, part.source.to_string(), Some(&part.template_sealed)));
    }
    for (id, sealed) in tx.waiting_templates(payer)? {
        erased.push(entry(ErasedKind::Enrolment, id.to_string(), Some(&sealed)));
    }
    if let Some(key) = tx.face_key(payer)? {
        let id = payer.to_string();
        erased.push(Erased { kind: ErasedKind::FaceKey, id, sealed: None, key: Some(key.digest()) });
    }
    let disputes = tx.open_disputes_of(payer)?;
    let (mut kept, mut going) = (Vec::new(), Vec::new());
    for capture in tx.captures_of(payer)? {
        match disputes.iter().find(|(_, session)| *session == capture.session) {
            Some((dispute, _)) => kept.push(KeptCapture { capture: capture.id, dispute: *dispute }),
            None => {
                going.push(capture.id);
                erased.extend(capture.as_erased());
            }
        }
    }
    let tombstone = bury(tx, ctx, payer, (reason, erased, kept))?;
    tx.discard_enrolments(Waiting::Of(payer))?;
    tx.delete_templates(payer)?;
    tx.delete_face_key(payer)?;
    tx.set_face(payer, FaceState::None)?;
    for kept in &tombstone.kept {
        tx.keep_capture_for(kept.capture, kept.dispute)?;
    }
    erase_captures(tx, going, tombstone.id)?;
    Ok(tombstone)
}

/// Writes the tombstone, and the event that points to it.
fn bury(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    payer: PayerId,
    (reason, erased, kept): (ErasureReason, Vec<Erased>, Vec<KeptCapture>),
) -> Result<TombstoneRow, Error> {
    let id = TombstoneId::generate(ctx.now, ctx.random);
    let tombstone = TombstoneRow { id, payer, at: ctx.now, reason, erased, kept };
    tx.insert_tombstone(&tombstone)?;
    let event = json!({ "event": "erased", "reason": reason, "tombstone": id });
    record(tx, ctx, &payer.to_string(), &payer, event)?;
    Ok(tombstone)
}

fn erase_captures(tx: &Tx<'_>, captures: Vec<CaptureId>, by: TombstoneId) -> Result<(), Error> {
    captures.into_iter().try_for_each(|capture| tx.erase_capture(capture, by)).map_err(Error::from)
}

/// The captures a tombstone tells of.
pub(crate) fn captures_in(tombstone: &TombstoneRow) -> Result<Vec<CaptureId>, Error> {
    let captures = tombstone.erased.iter().filter(|erased| erased.kind == ErasedKind::Capture);
    let ids = captures.map(|erased| erased.id.parse::<CaptureId>().map_err(anyhow::Error::new));
    Ok(ids.collect::<anyhow::Result<_>>()?)
}

/// The enrolments whose pictures go with what a tombstone tells of.
pub(crate) fn enrolments_in(tombstone: &TombstoneRow) -> Result<Vec<EnrolmentId>, Error> {
    let parts = tombstone.erased.iter().filter(|erased| erased.kind == ErasedKind::TemplatePart);
    let sources = parts.map(|erased| erased.id.parse::<PartSource>().map_err(anyhow::Error::new));
    Ok(enrolments_of(sources.collect::<anyhow::Result<Vec<_>>>()?))
}

/// The payer, unless the account was closed.
fn open_payer(tx: &Tx<'_>, payer: PayerId) -> Result<PayerRow, Error> {
    let row = tx.payer(payer)?.filter(|row| row.closed_at.is_none());
    Ok(row.ok_or(Rejected::payer())?)
}

/// No money, no case and no payment of this payer waits for anything.
fn nothing_is_left(tx: &Tx<'_>, payer: PayerId) -> Result<(), Error> {
    if tx.authorised_payments_of(payer)? > 0 {
        return Err(Rejected::PaymentAuthorised.into());
    }
    if !tx.open_disputes_of(payer)?.is_empty() {
        return Err(Rejected::DisputeOpen.into());
    }
    let empty = tx.available_each(Account::Payer(payer))?.iter().all(|amount| amount.minor == 0);
    if empty { Ok(()) } else { Err(Rejected::AccountNotEmpty.into()) }
}
