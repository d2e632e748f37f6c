//! Terminals: registered, brought in with a code by the device itself, suspended, revoked, moved with approval.
//!
//! A device makes its own key and shows the public half with the code; from then on it signs every request. Where a
//! terminal stood is kept for every time, because a payment's place is where it stood then.

use serde_json::json;
use store::{
    CredentialKind, CredentialRow, RelocationRow, RelocationState, Scope, StandRow, TerminalRow,
    TerminalState, Tx,
};
use types::{
    KeyId, MerchantId, Place, RelocationId, Right, Rights, SignedDuration, StaffRoles, TerminalId, Timestamp,
};
use zeroize::Zeroizing;

use crate::callers::{Caller, StaffCaller, duty};
use crate::engine::{Context, Engine, record, text_field};
use crate::orders::caller_name;
use crate::outbox::announce;
use crate::rejected::{Error, Rejected};

/// How long an onboarding code works.
const CODE_LIFETIME: SignedDuration = SignedDuration::from_hours(24);
/// Eight groups of three digits: 79 bits, typed on any keypad. How many can be tried is bounded by the rate of an
/// address; no rate comes near 79 bits.
const CODE_GROUPS: usize = 8;
/// A terminal to register.
#[derive(Clone, Debug)]
pub struct NewTerminal {
    /// Whose.
    pub merchant: MerchantId,
    /// What the merchant calls it.
    pub label: String,
    /// Where it is installed.
    pub place: Place,
}

/// What a device is brought in with. The code is shown once.
pub struct Onboarding {
    /// For which terminal.
    pub terminal: TerminalId,
    /// Eight groups of three digits.
    pub code: Zeroizing<String>,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// A device that shows its code and its public key. Whoever calls has seen that it holds the private half.
pub struct Activation {
    /// As typed: hyphens and spaces do not count.
    pub code: Zeroizing<String>,
    /// The Ed25519 public key (RFC 8032); not a weak one.
    pub public_key: [u8; 32],
    /// What is printed on the device.
    pub serial: String,
}

/// A device that was brought in.
#[derive(Clone, Debug, PartialEq)]
pub struct Activated {
    /// What it signs as.
    pub key: KeyId,
    /// Which terminal it is now.
    pub terminal: TerminalRow,
}

/// A terminal with its history.
#[derive(Clone, Debug, PartialEq)]
pub struct TerminalView {
    /// The terminal.
    pub row: TerminalRow,
    /// What its device signs as, or shows: nothing before one was brought in.
    pub key: Option<KeyId>,
    /// Until when a device can be brought in, where a code waits.
    pub code_expires_at: Option<Timestamp>,
    /// Everywhere it stood, oldest first.
    pub places: Vec<StandRow>,
    /// Every proposal to move it, oldest first.
    pub relocations: Vec<RelocationRow>,
}

/// Takes this terminal payments?
pub(crate) const fn working(row: &TerminalRow) -> Result<(), Rejected> {
    match row.state {
        TerminalState::Active => Ok(()),
        TerminalState::Inactive => Err(Rejected::TerminalInactive),
        TerminalState::Suspended => Err(Rejected::TerminalSuspended),
        TerminalState::Revoked => Err(Rejected::KeyUnknown),
    }
}

/// Somebody of the operator with one of these roles, or somebody of the merchant who may manage. Returns whose
/// terminals are meant, if not everybody's.
fn keeper(caller: &Caller, roles: StaffRoles) -> Result<Option<MerchantId>, Rejected> {
    match caller {
        Caller::Staff(staff) => staff.must_be(roles).map(|()| None),
        Caller::Merchant(merchant) => merchant.may(Right::Manage).map(|()| Some(merchant.merchant)),
        Caller::Terminal(_) | Caller::Payer(_) => Err(Rejected::WrongRole { needed: "staff or merchant" }),
    }
}

/// The terminal, if it is one of those that are meant; nobody else changes it meanwhile.
fn kept(tx: &Tx<'_>, of: Option<MerchantId>, id: TerminalId) -> Result<TerminalRow, Error> {
    let row = tx.terminal_locked(id)?.filter(|row| of.is_none_or(|of| of == row.merchant));
    Ok(row.ok_or(Rejected::terminal())?)
}

fn checked(place: &Place) -> Result<Place, Rejected> {
    let city = text_field("place.city", &place.city, 100, "a city of 1 to 100 characters")?;
    let address = text_field("place.address", &place.address, 200, "an address of 1 to 200 characters")?;
    Ok(Place { city, address, point: place.point })
}

fn checked_reason(reason: &str) -> Result<String, Rejected> {
    text_field("reason", reason, 200, "a reason of 1 to 200 characters")
}

/// Records a change of a terminal, and tells its merchant's systems.
pub(crate) fn note(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    actor: &str,
    row: &TerminalRow,
    (event, kind): (&str, &'static str),
) -> Result<(), Error> {
    record(tx, ctx, actor, &row.id, json!({ "event": event, "reason": row.reason }))?;
    let merchant = tx.merchant(row.merchant)?.ok_or(Rejected::merchant())?;
    let data = json!({ "terminal_id": row.id, "state": row.state.name(), "reason": row.reason });
    announce(tx, ctx, &merchant, (kind, data))?;
    Ok(())
}

impl Engine {
    /// Registers a terminal, without a device yet; returns the code that brings one in.
    ///
    /// # Errors
    /// [`Rejected::Field`], an unknown merchant, which includes another one's; an operating fault.
    pub fn register_terminal(
        &self,
        ctx: &mut Context<'_>,
        caller: &Caller,
        new: NewTerminal,
    ) -> Result<Onboarding, Error> {
        let of = keeper(caller, duty::merchants())?;
        if of.is_some_and(|of| of != new.merchant) {
            return Err(Rejected::merchant().into());
        }
        let label = text_field("label", &new.label, 100, "a label of 1 to 100 characters")?;
        let row = TerminalRow {
            id: TerminalId::generate(ctx.now, ctx.random),
            merchant: new.merchant,
            label,
            place: checked(&new.place)?,
            state: TerminalState::Inactive,
            reason: String::new(),
            serial: None,
            created_at: ctx.now,
        };
        let onboarding = new_onboarding(ctx, row.id);
        let actor = caller_name(caller);
        self.store.write(|tx| {
            tx.merchant(row.merchant)?.ok_or(Rejected::merchant())?;
            tx.insert_terminal(&row)?;
            tx.put_terminal_code(row.id, &self.code_fingerprint(&onboarding.code), onboarding.expires_at)?;
            record(tx, ctx, &actor, &row.id, json!({ "event": "terminal_registered" })).map_err(Error::from)
        })?;
        Ok(onboarding)
    }

    /// A new code for a terminal: because the first was lost, or because the device is to be replaced. The device
    /// that is there works on until another one was brought in.
    ///
    /// # Errors
    /// An unknown terminal, which includes other merchants'; [`Rejected::TerminalRevoked`]; an operating fault.
    pub fn new_terminal_code(
        &self,
        ctx: &mut Context<'_>,
        caller: &Caller,
        id: TerminalId,
    ) -> Result<Onboarding, Error> {
        let of = keeper(caller, duty::merchants())?;
        let onboarding = new_onboarding(ctx, id);
        let actor = caller_name(caller);
        self.store.write(|tx| {
            if kept(tx, of, id)?.state == TerminalState::Revoked {
                return Err(Rejected::TerminalRevoked.into());
            }
            tx.put_terminal_code(id, &self.code_fingerprint(&onboarding.code), onboarding.expires_at)?;
            record(tx, ctx, &actor, &id, json!({ "event": "terminal_code_issued" })).map_err(Error::from)
        })?;
        Ok(onboarding)
    }

    /// Brings a device in: binds its key and serial number to the terminal of the code, which works once. A device
    /// that was there before does not work any more. A suspended terminal stays suspended.
    ///
    /// # Errors
    /// [`Rejected::OnboardingCodeWrong`], [`Rejected::SerialTaken`], [`Rejected::PublicKeyTaken`], [`Rejected::Field`]; an operating fault.
    pub fn activate_terminal(
        &self,
        ctx: &mut Context<'_>,
        activation: &Activation,
    ) -> Result<Activated, Error> {
        let serial = text_field("serial", &activation.serial, 64, "a serial number of 1 to 64 characters")?;
        let fingerprint = self.code_fingerprint(&activation.code);
        self.store.write(|tx| {
            let found = tx.terminal_of_code(&fingerprint)?.filter(|(_, expires_at)| ctx.now < *expires_at);
            let (id, _) = found.ok_or(Rejected::OnboardingCodeWrong)?;
            let mut row = tx.terminal_locked(id)?.ok_or(Rejected::OnboardingCodeWrong)?;
            if tx.is_serial_taken(&serial, id)? {
                return Err(Rejected::SerialTaken.into());
            }
            if tx.has_public_key(&activation.public_key)? {
                return Err(Rejected::PublicKeyTaken.into());
            }
            match row.state {
                TerminalState::Inactive => row.state = TerminalState::Active,
                TerminalState::Active | TerminalState::Suspended => {}
                TerminalState::Revoked => return Err(Rejected::OnboardingCodeWrong.into()),
            }
            row.serial = Some(serial.clone());
            tx.delete_terminal_code(id)?;
            tx.revoke_credentials(&id.to_string(), None, ctx.now)?;
            tx.update_terminal(&row)?;
            let key = KeyId::generate(ctx.now, ctx.random);
            tx.insert_credential(&device_key(key, &row, activation.public_key, ctx.now), None)?;
            let body = json!({ "event": "terminal_activated", "key": key, "serial": serial });
            record(tx, ctx, &id.to_string(), &id, body)?;
            Ok::<_, Error>(Activated { key, terminal: row })
        })
    }

    /// Only a keyed fingerprint of a code is kept. Looking it up takes the same time for every wrong code.
    fn code_fingerprint(&self, code: &str) -> [u8; 32] {
        let digits: Zeroizing<String> = Zeroizing::new(code.chars().filter(char::is_ascii_digit).collect());
        self.keys.blind_index("terminal code", &digits)
    }

    /// A merchant's terminals, oldest first.
    ///
    /// # Errors
    /// An unknown merchant, which includes another one's; an operating fault.
    pub fn terminals(&self, caller: &Caller, merchant: MerchantId) -> Result<Vec<TerminalView>, Error> {
        let of = keeper(caller, duty::reading_merchants())?;
        self.store.read(|tx| {
            tx.merchant(merchant)?
                .filter(|row| of.is_none_or(|of| of == row.id))
                .ok_or(Rejected::merchant())?;
            tx.terminals_of(merchant)?.into_iter().map(|row| view(tx, row)).collect()
        })
    }

    /// A terminal, for staff, for its merchant, or for itself.
    ///
    /// # Errors
    /// An unknown terminal, which includes other people's; an operating fault.
    pub fn terminal(&self, caller: &Caller, id: TerminalId) -> Result<TerminalView, Error> {
        self.store.read(|tx| {
            if let Caller::Terminal(own) = caller {
                let row = tx.terminal(id)?.filter(|row| row.id == own.terminal);
                return view(tx, row.ok_or(Rejected::terminal())?);
            }
            let of = keeper(caller, duty::reading_merchants())?;
            view(tx, kept(tx, of, id)?)
        })
    }

    /// Stops a terminal until somebody lets it work again; also for its merchant. Twice is once.
    ///
    /// # Errors
    /// An unknown terminal, [`Rejected::TerminalInactive`], [`Rejected::TerminalRevoked`]; an operating fault.
    pub fn suspend_terminal(
        &self,
        ctx: &mut Context<'_>,
        caller: &Caller,
        (id, reason): (TerminalId, &str),
    ) -> Result<TerminalView, Error> {
        let of = keeper(caller, duty::stopping_terminals())?;
        let reason = checked_reason(reason)?;
        self.change(ctx, &caller_name(caller), (of, id), |row| match row.state {
            TerminalState::Suspended => Ok(None),
            TerminalState::Inactive => Err(Rejected::TerminalInactive),
            TerminalState::Revoked => Err(Rejected::TerminalRevoked),
            TerminalState::Active => {
                (row.state, row.reason) = (TerminalState::Suspended, reason.clone());
                Ok(Some(("terminal_suspended", "terminal.suspended")))
            }
        })
    }

    /// Lets a suspended terminal work again. Staff only: whoever stopped it may have had a reason that its merchant
    /// does not see. Twice is once.
    ///
    /// # Errors
    /// As [`Engine::suspend_terminal`].
    pub fn resume_terminal(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        (id, reason): (TerminalId, &str),
    ) -> Result<TerminalView, Error> {
        staff.must_be(duty::stopping_terminals())?;
        let reason = checked_reason(reason)?;
        self.change(ctx, &staff.name, (None, id), |row| match row.state {
            TerminalState::Active => Ok(None),
            TerminalState::Inactive => Err(Rejected::TerminalInactive),
            TerminalState::Revoked => Err(Rejected::TerminalRevoked),
            TerminalState::Suspended => {
                (row.state, row.reason) = (TerminalState::Active, reason.clone());
                Ok(Some(("terminal_resumed", "terminal.resumed")))
            }
        })
    }

    /// Ends a terminal for good: its key, its code, its serial number's claim. Twice is once.
    ///
    /// # Errors
    /// An unknown terminal; an operating fault.
    pub fn revoke_terminal(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        (id, reason): (TerminalId, &str),
    ) -> Result<TerminalView, Error> {
        staff.must_be(duty::stopping_terminals())?;
        let reason = checked_reason(reason)?;
        self.change(ctx, &staff.name, (None, id), |row| match row.state {
            TerminalState::Revoked => Ok(None),
            TerminalState::Inactive | TerminalState::Active | TerminalState::Suspended => {
                (row.state, row.reason) = (TerminalState::Revoked, reason.clone());
                Ok(Some(("terminal_revoked", "terminal.revoked")))
            }
        })
    }

    fn change(
        &self,
        ctx: &mut Context<'_>,
        actor: &str,
        (of, id): (Option<MerchantId>, TerminalId),
        decide: impl Fn(&mut TerminalRow) -> Result<Option<(&'static str, &'static str)>, Rejected>,
    ) -> Result<TerminalView, Error> {
        self.store.write(|tx| {
            let mut row = kept(tx, of, id)?;
            if let Some(told) = decide(&mut row)? {
                tx.update_terminal(&row)?;
                if row.state == TerminalState::Revoked {
                    tx.revoke_credentials(&id.to_string(), None, ctx.now)?;
                    tx.delete_terminal_code(id)?;
                }
                note(tx, ctx, actor, &row, told)?;
            }
            view(tx, row)
        })
    }

    /// Proposes to move a terminal. It stays where it is until another person approves.
    ///
    /// # Errors
    /// An unknown terminal, which includes other merchants'; [`Rejected::RelocationOpen`],
    /// [`Rejected::TerminalRevoked`], [`Rejected::Field`]; an operating fault.
    pub fn propose_relocation(
        &self,
        ctx: &mut Context<'_>,
        caller: &Caller,
        (id, place, reason): (TerminalId, &Place, &str),
    ) -> Result<RelocationRow, Error> {
        let of = keeper(caller, duty::merchants())?;
        let row = RelocationRow {
            id: RelocationId::generate(ctx.now, ctx.random),
            terminal: id,
            place: checked(place)?,
            reason: checked_reason(reason)?,
            proposed_by: acting(caller),
            proposed_at: ctx.now,
            state: RelocationState::Proposed,
        };
        self.store.write(|tx| {
            if kept(tx, of, id)?.state == TerminalState::Revoked {
                return Err(Error::from(Rejected::TerminalRevoked));
            }
            if tx.relocations_of(id)?.iter().any(|row| row.state == RelocationState::Proposed) {
                return Err(Rejected::RelocationOpen.into());
            }
            tx.insert_relocation(&row)?;
            let body = json!({ "event": "relocation_proposed", "relocation": row.id, "place": row.place });
            record(tx, ctx, &caller_name(caller), &id, body)?;
            Ok(())
        })?;
        Ok(row)
    }

    /// Approves or rejects a move; never the own proposal. Approved, the terminal stands there from now on.
    ///
    /// # Errors
    /// An unknown proposal, [`Rejected::OwnRequest`], [`Rejected::RelocationDecided`],
    /// [`Rejected::TerminalRevoked`]; an operating fault.
    pub fn decide_relocation(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        (id, approved): (RelocationId, bool),
    ) -> Result<RelocationRow, Error> {
        staff.must_be(duty::money())?;
        let by = staff.user.to_string();
        self.store.write(|tx| {
            let mut row = tx.relocation(id)?.ok_or(Rejected::relocation())?;
            if row.state != RelocationState::Proposed {
                return Err(Rejected::RelocationDecided.into());
            }
            if row.proposed_by == by {
                return Err(Rejected::OwnRequest.into());
            }
            let (by, at) = (by.clone(), ctx.now);
            row.state = if approved {
                let terminal = kept(tx, None, row.terminal)?;
                if terminal.state == TerminalState::Revoked {
                    return Err(Rejected::TerminalRevoked.into());
                }
                tx.move_terminal(row.terminal, &row.place, ctx.now)?;
                RelocationState::Approved { by, at }
            } else {
                RelocationState::Rejected { by, at }
            };
            tx.decide_relocation(&row)?;
            let event = format!("relocation_{}", row.state.name());
            let body = json!({ "event": event, "relocation": row.id, "place": row.place });
            record(tx, ctx, &staff.name, &row.terminal, body)?;
            Ok(row)
        })
    }
}

/// The id of the user or key behind a call.
fn acting(caller: &Caller) -> String {
    match caller {
        Caller::Staff(staff) => staff.user.to_string(),
        Caller::Merchant(merchant) => merchant.actor_id(),
        Caller::Terminal(terminal) => terminal.terminal.to_string(),
        Caller::Payer(device) => device.device.to_string(),
    }
}

fn view(tx: &Tx<'_>, row: TerminalRow) -> Result<TerminalView, Error> {
    let id = row.id;
    let key = tx.live_credentials(&id.to_string(), Timestamp::MAX)?.pop().map(|key| key.id);
    Ok(TerminalView {
        key,
        code_expires_at: tx.terminal_code_expiry(id)?,
        places: tx.terminal_places(id)?,
        relocations: tx.relocations_of(id)?,
        row,
    })
}

fn device_key(id: KeyId, terminal: &TerminalRow, public_key: [u8; 32], now: Timestamp) -> CredentialRow {
    CredentialRow {
        id,
        kind: CredentialKind::Signature,
        scope: Scope::Terminal,
        subject: terminal.id.to_string(),
        public_key: Some(public_key),
        rights: Rights::empty(),
        label: terminal.serial.clone().unwrap_or_default(),
        created_at: now,
        expires_at: None,
        seen_at: None,
        revoked_at: None,
    }
}

fn new_onboarding(ctx: &mut Context<'_>, terminal: TerminalId) -> Onboarding {
    let groups: Vec<String> = (0..CODE_GROUPS).map(|_| three_digits(ctx)).collect();
    Onboarding { terminal, code: Zeroizing::new(groups.join("-")), expires_at: ctx.now + CODE_LIFETIME }
}

/// Each of the thousand equally likely.
fn three_digits(ctx: &mut Context<'_>) -> String {
    loop {
        let mut bytes = [0; 2];
        ctx.random.fill_bytes(&mut bytes);
        let number = u16::from_le_bytes(bytes);
        // The largest multiple of a thousand below 2^16: above it the first numbers would come more often.
        if number < 65_000 {
            return format!("{:03}", number % 1_000);
        }
    }
}
