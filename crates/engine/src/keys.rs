//! The keys of a running engine: where the master key lies, which generation wraps, what opens what.
//!
//! Invariants: a key is wrapped under the newest generation that the database announces, read in the transaction that
//! writes the key, so that a rotation which announced another one finds nothing younger under the old. A generation
//! that is met and not known is looked for in the file again.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context as _, Result, bail, ensure};
use evidence::{DataKey, Generation, IndexKey, Keyring, MasterKey, OpenError, Version, WrappedKey};
use rand::Rng;
use store::{Store, Tx};
use types::{CaptureId, ChallengeId, DeliveryId, MerchantId, PayerId, UserId};
use zeroize::Zeroizing;

use crate::engine::Context;
use crate::installation::write_secret;

/// The name under which the database keeps a fingerprint that only its own index key makes.
const MARK: &str = "master_key";
const INDEX_LABEL: &str = "index key";
const STRANGER: &str =
    "this database was begun under another master key; bring that master.key back from your safe";

/// Where the master key comes from.
pub(crate) enum Source {
    /// A file, one generation a line, newest first.
    File(PathBuf),
    /// The environment, which does not change while the process runs.
    Given(Vec<MasterKey>),
}

/// The master key's generations, and the key of the blind index.
pub(crate) struct Keys {
    source: Source,
    ring: RwLock<Arc<Keyring>>,
    index: IndexKey,
}

/// What a data key is for, and whose: the label it is wrapped with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyOf {
    Contact(PayerId),
    Face(PayerId),
    Capture(CaptureId),
    Webhook(MerchantId),
    Totp(UserId),
    PhoneCode(ChallengeId),
    Text(DeliveryId),
}

impl KeyOf {
    pub(crate) fn label(self) -> String {
        match self {
            Self::Contact(payer) => format!("contact key {payer}"),
            Self::Face(payer) => format!("face key {payer}"),
            Self::Capture(capture) => format!("capture key {capture}"),
            Self::Webhook(merchant) => format!("webhook key {merchant}"),
            Self::Totp(user) => format!("totp key {user}"),
            Self::PhoneCode(challenge) => format!("phone code key {challenge}"),
            Self::Text(delivery) => format!("text key {delivery}"),
        }
    }
}

impl Source {
    /// The keys that were given, or those of the folder's file.
    ///
    /// # Errors
    /// What was given is no list of keys.
    pub(crate) fn new(folder: &Path, given: Option<&str>) -> Result<Self> {
        match given {
            Some(list) => Ok(Self::Given(parse(list.split(',')).context("reading the given master key")?)),
            None => Ok(Self::File(folder.join("master.key"))),
        }
    }

    /// The generations, newest first.
    ///
    /// # Errors
    /// The file cannot be read, or holds no keys.
    pub(crate) fn masters(&self) -> Result<Vec<MasterKey>> {
        match self {
            Self::Given(masters) => Ok(masters.clone()),
            Self::File(path) => {
                let text = Zeroizing::new(
                    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?,
                );
                parse(text.lines()).with_context(|| format!("reading {}", path.display()))
            }
        }
    }

    /// As [`Source::masters`], for a start: a new installation gets its first key.
    pub(crate) fn masters_or_first(&self, folder: &Path, random: &mut dyn Rng) -> Result<Vec<MasterKey>> {
        if let Self::File(path) = self
            && path.metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound)
        {
            ensure!(
                !folder.join("surety.db").exists(),
                "{} is missing but the database exists; bring the key back from your safe",
                path.display()
            );
            let first = MasterKey::draw(random);
            write_masters(path, std::slice::from_ref(&first))?;
        }
        self.masters()
    }
}

/// 64 hexadecimal digits each.
fn parse<'a>(keys: impl Iterator<Item = &'a str>) -> Result<Vec<MasterKey>> {
    let mut masters: Vec<MasterKey> = Vec::new();
    for key in keys.map(str::trim).filter(|key| !key.is_empty()) {
        let mut bytes = Zeroizing::new([0; 32]);
        // What hex says of it would quote the key.
        hex::decode_to_slice(key, &mut *bytes).ok().context("a master key is 64 hexadecimal digits")?;
        let master = MasterKey::new(*bytes);
        let known = masters.iter().any(|other| other.generation() == master.generation());
        ensure!(!known, "the same master key stands there twice");
        masters.push(master);
    }
    ensure!(!masters.is_empty(), "there is no master key in it");
    Ok(masters)
}

/// Writes the file of generations, newest first: whole or not at all.
pub(crate) fn write_masters(path: &Path, masters: &[MasterKey]) -> Result<()> {
    let mut text = Zeroizing::new(String::with_capacity(masters.len() * 65));
    for (at, master) in masters.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        text.push_str(&Zeroizing::new(hex::encode(master.bytes())));
    }
    write_secret(path, text.as_bytes())
}

impl Keys {
    /// The keys of a database. The first start announces the master key and keeps the key of the blind index: a new
    /// one, or in a database that was begun by an older version the one it was begun with.
    ///
    /// # Errors
    /// The database was begun under another master key; an operating fault.
    pub(crate) fn open(
        source: Source,
        masters: &[MasterKey],
        store: &Store,
        ctx: &mut Context<'_>,
    ) -> Result<Self> {
        let ring = Keyring::new(masters).context("there is no master key")?;
        let kept = store.write(|tx| {
            if tx.index_key()?.is_none() {
                Self::begin(tx, masters, &ring, ctx)?;
            }
            tx.index_key()?.context("the key of the blind index has vanished")
        })?;
        let key = ring.unwrapped(INDEX_LABEL, &kept).ok().context(STRANGER)?;
        Ok(Self { source, ring: RwLock::new(Arc::new(ring)), index: IndexKey::new(key) })
    }

    fn begin(tx: &Tx<'_>, masters: &[MasterKey], ring: &Keyring, ctx: &mut Context<'_>) -> Result<()> {
        let mark = |index: &IndexKey| index.blind_index("installation", "master key");
        let index = match tx.installation(MARK)? {
            None => IndexKey::draw(ctx.random),
            Some(kept) => {
                let derived = masters.iter().map(MasterKey::first_index);
                derived.into_iter().find(|index| kept == mark(index)).context(STRANGER)?
            }
        };
        tx.announce_generation(ring.newest(), ctx.now)?;
        // Another process may have begun at the same moment; the first one's key stays.
        let generation = tx.generations()?.into_iter().find(|known| ring.knows(*known)).context(STRANGER)?;
        tx.keep_index_key(&ring.wrap(generation, INDEX_LABEL, index.key(), ctx.random)?)?;
        tx.keep_installation(MARK, &mark(&index))
    }

    /// A keyed fingerprint of a personal value.
    pub(crate) fn blind_index(&self, kind: &str, value: &str) -> [u8; 32] {
        self.index.blind_index(kind, value)
    }

    fn ring(&self) -> Arc<Keyring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the file again, as somebody met a generation that is not on the ring.
    fn look_again(&self, met: Generation) -> Result<Arc<Keyring>> {
        let ring = self.ring();
        if ring.knows(met) {
            return Ok(ring);
        }
        match &self.source {
            Source::File(_) => {}
            Source::Given(_) => bail!(
                "a key is wrapped by generation {met}, which is not among the given master keys: add it, and restart"
            ),
        }
        let ring = Keyring::new(&self.source.masters()?).context("there is no master key")?;
        ensure!(
            ring.knows(met),
            "a key is wrapped by generation {met}, which is not in master.key: copy it there"
        );
        let ring = Arc::new(ring);
        self.replace(Arc::clone(&ring));
        tracing::info!(generation = %met, "the master key was read again");
        Ok(ring)
    }

    /// Wraps a data key under the newest generation that the database announces, in the transaction that writes it.
    ///
    /// # Errors
    /// No announced generation is at hand; an operating fault.
    pub(crate) fn wrap(
        &self,
        tx: &Tx<'_>,
        of: KeyOf,
        key: &DataKey,
        random: &mut dyn Rng,
    ) -> Result<WrappedKey> {
        let announced = tx.generations()?;
        let newest = *announced.first().context("no generation of the master key is announced")?;
        let (ring, generation) = match self.look_again(newest) {
            Ok(ring) => (ring, newest),
            Err(error) => {
                let ring = self.ring();
                let Some(older) = announced.into_iter().find(|known| ring.knows(*known)) else {
                    return Err(error);
                };
                tracing::error!(error = format!("{error:#}"), "a key is wrapped under an older generation");
                (ring, older)
            }
        };
        Ok(ring.wrap(generation, &of.label(), key, random)?)
    }

    /// A data key, unwrapped.
    ///
    /// # Errors
    /// It does not open, or no generation at hand wrapped it.
    pub(crate) fn unwrapped(&self, of: KeyOf, wrapped: &WrappedKey) -> Result<DataKey> {
        let label = of.label();
        let opened = match self.ring().unwrapped(&label, wrapped) {
            Err(OpenError::GenerationUnknown) => {
                self.look_again(wrapped.generation)?.unwrapped(&label, wrapped)
            }
            Ok(key) => Ok(key),
            Err(other @ (OpenError::NotSealed | OpenError::DoesNotOpen)) => Err(other),
        };
        opened.with_context(|| format!("unwrapping the {label}"))
    }

    /// Opens a sealed value of either version.
    ///
    /// # Errors
    /// It does not open; nothing of the content leaks through it.
    pub(crate) fn open_value(
        &self,
        (of, key): (KeyOf, Option<&WrappedKey>),
        label: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>> {
        let opened = match Version::of(sealed)? {
            Version::First => self.ring().open_first(label, sealed),
            Version::Second => {
                let key = key.with_context(|| format!("the {} is gone", of.label()))?;
                self.unwrapped(of, key)?.open(label, sealed)
            }
        };
        opened.with_context(|| format!("opening the {label}"))
    }

    /// Puts another ring in place of the one that was read.
    pub(crate) fn replace(&self, ring: Arc<Keyring>) {
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
    }

    /// What the key of the blind index is bound to when it is wrapped.
    pub(crate) const fn index_label() -> &'static str {
        INDEX_LABEL
    }
}
