//! The keys of a merchant's systems: bearer secrets for small shops, public keys of those that sign.
//!
//! A key gives rights that whoever makes it has, and no others; a merchant is never left without anybody who may
//! manage.

use serde_json::json;
use store::{CredentialKind, CredentialRow, Scope, Tx};
use types::{KeyId, MerchantId, Right, Rights, SignedDuration};
use zeroize::Zeroizing;

use crate::callers::{MerchantCaller, NewCredential, StaffCaller, duty};
use crate::engine::{Context, Engine, record, text_field};
use crate::outbox::announce;
use crate::rejected::{Error, Rejected};

/// A merchant's live keys: more would mean that somebody forgets to end them.
const KEYS_MAX: usize = 100;
/// The longest life that can be asked for, in days.
const DAYS_MAX: u32 = 3_650;
/// The longest time for which an old key works beside the new one, in hours.
const OVERLAP_MAX: u32 = 168;

/// A key to make.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What its owner calls it.
    pub label: String,
    /// What it may do.
    pub rights: Rights,
    /// The Ed25519 public key of a system that signs; none for a bearer key.
    pub public_key: Option<[u8; 32]>,
    /// Its life in days; none: until it is deleted.
    pub expires_in_days: Option<u32>,
}

/// What a key is replaced by.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// For how long the old key works beside the new one, in hours.
    pub overlap_hours: u32,
    /// The new public key of a system that signs; none for a bearer key.
    pub public_key: Option<[u8; 32]>,
}

/// A key. The secret of a bearer key is shown once.
pub struct KeyView {
    /// The key.
    pub row: CredentialRow,
    /// The secret, where it was just made.
    pub secret: Option<Zeroizing<String>>,
}

impl Engine {
    /// Makes a key for a merchant's system.
    ///
    /// # Errors
    /// [`Rejected::RightMissing`] for `manage` and for any right to be given that the caller has not;
    /// [`Rejected::Field`], [`Rejected::PublicKeyTaken`]; an operating fault.
    pub fn create_key(
        &self,
        ctx: &mut Context<'_>,
        caller: MerchantCaller,
        new: &NewKey,
    ) -> Result<KeyView, Error> {
        caller.may(Right::Manage)?;
        may_give(caller, new.rights)?;
        let label = text_field("label", &new.label, 100, "a label of 1 to 100 characters")?;
        let mut key = draw(ctx, caller.merchant, (&label, new.rights), new.public_key);
        if let Some(days) = new.expires_in_days {
            if !(1..=DAYS_MAX).contains(&days) {
                return Err(Rejected::Field { field: "expires_in_days", what: "1 to 3,650 days" }.into());
            }
            key.row.expires_at = Some(ctx.now + SignedDuration::from_hours(24 * i64::from(days)));
        }
        self.store.write(|tx| {
            tx.merchant_locked(caller.merchant)?.ok_or(Rejected::merchant())?;
            if live(tx, ctx, caller.merchant)?.len() >= KEYS_MAX {
                let what = "a merchant has at most 100 live keys; delete one first";
                return Err(Error::from(Rejected::Field { field: "label", what }));
            }
            keep(tx, ctx, &caller.name(), &key)
        })?;
        Ok(shown(key))
    }

    /// A merchant's live keys, oldest first.
    ///
    /// # Errors
    /// [`Rejected::RightMissing`]; an operating fault.
    pub fn keys(&self, ctx: &Context<'_>, caller: MerchantCaller) -> Result<Vec<CredentialRow>, Error> {
        caller.may(Right::Manage)?;
        self.store.read(|tx| live(tx, ctx, caller.merchant))
    }

    /// Replaces a key by one of the same rights; the old one ends after the overlap.
    ///
    /// # Errors
    /// An unknown key, [`Rejected::RightMissing`] for a key that may do what the caller may not,
    /// [`Rejected::RotationKind`], [`Rejected::Field`], [`Rejected::PublicKeyTaken`]; an operating fault.
    pub fn rotate_key(
        &self,
        ctx: &mut Context<'_>,
        caller: MerchantCaller,
        (id, rotation): (KeyId, Rotation),
    ) -> Result<KeyView, Error> {
        caller.may(Right::Manage)?;
        if rotation.overlap_hours > OVERLAP_MAX {
            return Err(Rejected::Field { field: "overlap_hours", what: "0 to 168 hours" }.into());
        }
        let ends = ctx.now + SignedDuration::from_hours(i64::from(rotation.overlap_hours));
        let key = self.store.write(|tx| {
            tx.merchant_locked(caller.merchant)?.ok_or(Rejected::merchant())?;
            let old = live(tx, ctx, caller.merchant)?.into_iter().find(|row| row.id == id);
            let old = old.ok_or(Rejected::key())?;
            may_give(caller, old.rights)?;
            if (old.kind == CredentialKind::Signature) != rotation.public_key.is_some() {
                return Err(Rejected::RotationKind.into());
            }
            let mut key = draw(ctx, caller.merchant, (&old.label, old.rights), rotation.public_key);
            key.row.expires_at = old.expires_at;
            keep(tx, ctx, &caller.name(), &key)?;
            tx.expire_credential(old.id, ends)?;
            let body = json!({ "event": "key_rotated", "key": old.id, "by": key.row.id, "ends": ends });
            record(tx, ctx, &caller.name(), &caller.merchant, body)?;
            Ok::<_, Error>(key)
        })?;
        Ok(shown(key))
    }

    /// Ends a key at once.
    ///
    /// # Errors
    /// An unknown key, [`Rejected::LastKey`]; an operating fault.
    pub fn delete_key(&self, ctx: &mut Context<'_>, caller: MerchantCaller, id: KeyId) -> Result<(), Error> {
        caller.may(Right::Manage)?;
        let merchant = caller.merchant;
        self.store.write(|tx| {
            // Locked, so that two keys cannot end each other.
            tx.merchant_locked(merchant)?.ok_or(Rejected::merchant())?;
            let keys = live(tx, ctx, merchant)?;
            keys.iter().find(|row| row.id == id).ok_or(Rejected::key())?;
            let managed = keys.iter().any(|row| row.id != id && row.rights.contains(Right::Manage));
            if !managed && !tx.has_active_owner(merchant)? {
                return Err(Rejected::LastKey.into());
            }
            end(tx, ctx, &caller.name(), (merchant, id))
        })
    }

    /// A first key again, when a merchant has lost all of them: every key that is left ends.
    ///
    /// # Errors
    /// An unknown merchant, [`Rejected::Field`]; an operating fault.
    pub fn issue_first_key(
        &self,
        ctx: &mut Context<'_>,
        staff: &StaffCaller,
        (merchant, reason): (MerchantId, &str),
    ) -> Result<KeyView, Error> {
        staff.must_be(duty::merchants())?;
        let reason = text_field("reason", reason, 200, "a reason of 1 to 200 characters")?;
        let key = draw(ctx, merchant, ("first key", Rights::all()), None);
        self.store.write(|tx| {
            tx.merchant_locked(merchant)?.ok_or(Rejected::merchant())?;
            for old in live(tx, ctx, merchant)? {
                end(tx, ctx, &staff.name, (merchant, old.id))?;
            }
            record(
                tx,
                ctx,
                &staff.name,
                &merchant,
                json!({ "event": "first_key_issued", "reason": reason }),
            )?;
            keep(tx, ctx, &staff.name, &key)
        })?;
        Ok(shown(key))
    }
}

/// Nobody gives what the caller has not.
fn may_give(caller: MerchantCaller, rights: Rights) -> Result<(), Rejected> {
    if rights.is_empty() {
        return Err(Rejected::Field { field: "rights", what: "at least one right" });
    }
    (rights - caller.rights).iter().next().map_or(Ok(()), |needed| Err(Rejected::RightMissing { needed }))
}

fn live(tx: &Tx<'_>, ctx: &Context<'_>, merchant: MerchantId) -> Result<Vec<CredentialRow>, Error> {
    Ok(tx.live_credentials(&merchant.to_string(), ctx.now)?)
}

fn draw(
    ctx: &mut Context<'_>,
    merchant: MerchantId,
    (label, rights): (&str, Rights),
    public_key: Option<[u8; 32]>,
) -> NewCredential {
    let kind = if public_key.is_some() { CredentialKind::Signature } else { CredentialKind::Bearer };
    let mut key = NewCredential::draw(ctx, (kind, Scope::Merchant), &merchant, label);
    (key.row.rights, key.row.public_key) = (rights, public_key);
    key
}

/// Writes a new key, and says so.
fn keep(tx: &Tx<'_>, ctx: &mut Context<'_>, actor: &str, key: &NewCredential) -> Result<(), Error> {
    match &key.row.public_key {
        None => key.keep(tx)?,
        Some(public_key) if tx.has_public_key(public_key)? => return Err(Rejected::PublicKeyTaken.into()),
        Some(_) => tx.insert_credential(&key.row, None)?,
    }
    let merchant: MerchantId = key.row.subject.parse().map_err(anyhow::Error::new)?;
    let rights = key.row.rights;
    record(
        tx,
        ctx,
        actor,
        &merchant,
        json!({ "event": "key_created", "key": key.row.id, "rights": rights }),
    )?;
    let row = tx.merchant(merchant)?.ok_or(Rejected::merchant())?;
    let data = json!({ "key_id": key.row.id, "label": key.row.label, "rights": rights });
    announce(tx, ctx, &row, ("key.created", data))?;
    Ok(())
}

fn end(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    actor: &str,
    (merchant, id): (MerchantId, KeyId),
) -> Result<(), Error> {
    tx.revoke_credential(&merchant.to_string(), id, ctx.now)?;
    record(tx, ctx, actor, &merchant, json!({ "event": "key_revoked", "key": id }))?;
    let row = tx.merchant(merchant)?.ok_or(Rejected::merchant())?;
    announce(tx, ctx, &row, ("key.revoked", json!({ "key_id": id })))?;
    Ok(())
}

fn shown(key: NewCredential) -> KeyView {
    let secret = key.row.public_key.is_none().then_some(key.secret);
    KeyView { row: key.row, secret }
}
