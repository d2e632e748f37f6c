//! The data folder of one installation: database, sealed captures, master key, the first staff key.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use evidence::Keyring;
use face::FaceModels;
use identity::Calibration;
use rand::Rng;
use risk::{Certainty, Policy, Recognition};
use store::{Objects, Scope, Store, Tx};
use zeroize::Zeroizing;

use crate::engine::{Context, Engine, Parts};

/// Measured scores of the embedder we ship; see its provenance.
const CALIBRATION: &str = include_str!("../../../policy/calibration/sface-lfw-dev.json");
const DEFAULT_POLICY: &str = include_str!("../../../policy/default.toml");

/// A data folder, locked: one process at a time changes what lies in it.
pub struct Installation {
    folder: PathBuf,
    _lock: File,
}

impl Installation {
    /// Opens the folder, creates it if there is none, and locks it.
    ///
    /// # Errors
    /// It cannot be created or written, or another process holds it.
    pub fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)
            .with_context(|| format!("creating the data folder {}", folder.display()))?;
        let path = folder.join("lock");
        let lock = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
        lock.try_lock().with_context(|| {
            format!("{} is in use by another surety process; stop that one first", folder.display())
        })?;
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// The policy in force: the file, or the embedded default without one.
    ///
    /// # Errors
    /// The file cannot be read, or is no policy.
    pub fn policy_text(file: Option<&Path>) -> Result<String> {
        let Some(path) = file else { return Ok(DEFAULT_POLICY.to_owned()) };
        fs::read_to_string(path).with_context(|| format!("reading the policy {}", path.display()))
    }

    /// The calibration that comes with Surety.
    ///
    /// # Errors
    /// It does not parse, which is our own mistake.
    pub fn shipped_calibration() -> Result<Calibration> {
        Calibration::parse(CALIBRATION).context("reading the shipped calibration")
    }

    /// Opens the engine on this folder. On the first start it creates the master key and the staff key
    /// (`staff.key`, readable by its owner only).
    ///
    /// # Errors
    /// A file cannot be read or written, the database is damaged, or the models do not fit.
    pub fn engine(&self, faces: Arc<FaceModels>, policy_text: &str, ctx: &mut Context<'_>) -> Result<Engine> {
        let policy = Policy::parse(policy_text)?;
        let master = self.master_key(ctx.random)?;
        let store = Store::open(&self.folder.join("surety.db"))?;
        let policy_digest = evidence::digest(policy_text.as_bytes());
        store.write(|tx| tx.keep_policy(policy_digest, policy_text, ctx.now))?;
        let calibration = Self::shipped_calibration()?;
        calibration
            .for_model(faces.model_id())
            .context("checking the calibration against the embedding model")?;
        let parts = Parts {
            store,
            objects: Objects::open(&self.folder.join("captures"))?,
            keyring: Keyring::new(&master),
            faces,
            calibration,
            rule: rule(&policy)?,
            policy,
            policy_digest,
        };
        let engine = Engine::assemble(parts)?;
        if !engine.store.read(|tx: &Tx<'_>| tx.has_key(Scope::Staff))? {
            let secret = engine.issue_staff_key(ctx, "operator")?;
            write_secret(&self.folder.join("staff.key"), secret.as_bytes())?;
        }
        Ok(engine)
    }

    /// 32 bytes as 64 hexadecimal digits in `master.key`. Losing it loses every face, name and phone number.
    fn master_key(&self, random: &mut dyn Rng) -> Result<Zeroizing<[u8; 32]>> {
        let path = self.folder.join("master.key");
        let mut key = Zeroizing::new([0; 32]);
        match fs::read_to_string(&path).map(Zeroizing::new) {
            Ok(text) => hex::decode_to_slice(text.trim(), &mut *key)
                .with_context(|| format!("{} must hold 64 hexadecimal digits", path.display()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                ensure!(
                    !self.folder.join("surety.db").exists(),
                    "{} is missing but the database exists; bring the key back from your safe",
                    path.display()
                );
                random.fill_bytes(&mut *key);
                write_secret(&path, Zeroizing::new(hex::encode(*key)).as_bytes())?;
            }
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        }
        Ok(key)
    }
}

/// How a face is judged: by the policy's own settings, or, under the old rules, in investigations only, by the
/// default policy's.
fn rule(policy: &Policy) -> Result<Certainty> {
    match &policy.recognition {
        Recognition::Posterior(certainty) => Ok(certainty.clone()),
        Recognition::NarrowedByLastFour { threshold: _ } => {
            match Policy::parse(DEFAULT_POLICY)?.recognition {
                Recognition::Posterior(certainty) => Ok(certainty),
                Recognition::NarrowedByLastFour { threshold: _ } => {
                    bail!("the default policy has no posterior rule")
                }
            }
        }
    }
}

/// Writes a file that only its owner can read, and that did not exist.
fn write_secret(path: &Path, secret: &[u8]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(secret)?;
        file.sync_all()
    };
    write().with_context(|| format!("writing {}", path.display()))
}
