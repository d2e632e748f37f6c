//! The data folder of one installation: database, sealed captures, master key, the first administrator's key.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use face::FaceModels;
use identity::Calibration;
use rand::Rng;
use risk::{Certainty, Policy, Recognition};
use store::{Objects, Store, Tx};
use zeroize::Zeroizing;

use crate::engine::{Context, Engine, Parts};
use crate::keys::{Keys, Source};
use crate::operator::make_first_operator;
use crate::outbox::{Endpoint, check_url, new_signing_secret};
use crate::searching::GalleryPlace;
use crate::successor::Successor;
use crate::texts::{Route, Texts};

/// Measured scores of the embedder we ship; see its provenance.
const CALIBRATION: &str = include_str!("../../../policy/calibration/sface-lfw-dev-2.json");
/// What decided before. Never removed: recorded decisions are replayed with the calibration they name.
const EARLIER_CALIBRATION: &str = include_str!("../../../policy/calibration/sface-lfw-dev.json");
const DEFAULT_POLICY: &str = include_str!("../../../policy/default.toml");

/// What an engine is opened with, besides its folder.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The text of the policy in force.
    pub policy: &'a str,
    /// The address of a PostgreSQL database; without it the data folder's own SQLite file.
    pub database: Option<&'a str>,
    /// The folder of sealed captures, where several processes share one; without it the data folder's own.
    pub captures: Option<&'a Path>,
    /// Where messages to payers are pushed, besides their own device's inbox.
    pub push_gateway: Option<&'a str>,
    /// The generations of the master key, newest first, separated by commas; without it the folder's `master.key`.
    pub master_keys: Option<&'a str>,
    /// How text messages to phones leave, if at all.
    pub texts: Option<Texts<'a>>,
    /// Where faces are searched.
    pub gallery: GalleryPlace,
    /// What scores mean: the text of a calibration for the model in use; without it the one that comes with Surety.
    pub calibration: Option<&'a str>,
    /// The model that is to replace the one in use.
    pub successor: Option<Model<'a>>,
}

/// A set of networks, and what its scores mean.
#[derive(Clone, Copy)]
pub struct Model<'a> {
    /// The networks.
    pub faces: &'a Arc<FaceModels>,
    /// The text of their calibration.
    pub calibration: &'a str,
}

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

    /// Every calibration that ever came with Surety, the one in force first.
    ///
    /// # Errors
    /// One does not parse, which is our own mistake.
    pub fn shipped_calibrations() -> Result<Vec<Calibration>> {
        let earlier = Calibration::parse(EARLIER_CALIBRATION).context("reading an earlier calibration")?;
        Ok(vec![Self::shipped_calibration()?, earlier])
    }

    /// Every calibration that decided on these books, or came with Surety: what decisions are replayed with.
    ///
    /// # Errors
    /// The database fails, or one does not parse.
    pub fn known_calibrations(store: &Store) -> Result<Vec<Calibration>> {
        let mut known = Self::shipped_calibrations()?;
        for text in store.read(|tx| tx.calibrations())? {
            let kept = Calibration::parse(&text).context("reading a calibration that decided")?;
            if !known.iter().any(|shipped| shipped.provenance().id == kept.provenance().id) {
                known.push(kept);
            }
        }
        Ok(known)
    }

    /// Opens the engine on this folder. On the first start it creates the master key and the key of the first
    /// administrator (`staff.key`, readable by its owner only).
    ///
    /// # Errors
    /// A file cannot be read or written, the database is damaged, or the models do not fit.
    pub fn engine(
        &self,
        faces: Arc<FaceModels>,
        options: &Options<'_>,
        ctx: &mut Context<'_>,
    ) -> Result<Engine> {
        let policy_text = options.policy;
        let policy = Policy::parse(policy_text)?;
        options.gallery.check(&policy, options.database)?;
        let source = Source::new(&self.folder, options.master_keys)?;
        let masters = source.masters_or_first(&self.folder, ctx.random)?;
        let store = self.store(options)?;
        let keys = Keys::open(source, &masters, &store, ctx)?;
        let push_gateway =
            options.push_gateway.map(|url| self.gateway(url, "push.key", ctx.random)).transpose()?;
        let texts = match options.texts {
            Some(Texts::Gateway(url)) => Some(Route::Post(self.gateway(url, "sms.key", ctx.random)?)),
            Some(Texts::Spool(folder)) => Some(Route::Spool(folder.to_owned())),
            None => None,
        };
        let policy_digest = evidence::digest(policy_text.as_bytes());
        store.write(|tx| tx.keep_policy(policy_digest, policy_text, ctx.now))?;
        let calibration = Calibration::parse(options.calibration.unwrap_or(CALIBRATION))
            .context("reading the calibration")?;
        calibration
            .for_model(faces.model_id())
            .context("checking the calibration against the embedding model")?;
        keep_calibration(&store, &calibration, ctx)?;
        let parts = Parts {
            store,
            objects: Objects::open(
                &options.captures.map_or_else(|| self.folder.join("captures"), Path::to_owned),
            )?,
            keys,
            push_gateway,
            texts,
            faces,
            gallery: options.gallery,
            calibration,
            successor: options.successor.map(successor).transpose()?,
            rule: rule(&policy)?,
            policy,
            policy_digest,
        };
        let engine = Engine::assemble(parts)?;
        make_first_operator(&engine.store, &self.folder, ctx)?;
        Ok(engine)
    }

    fn store(&self, options: &Options<'_>) -> Result<Store> {
        let store = match options.database {
            Some(url) => Store::connect(url)?,
            None => Store::open(&self.folder.join("surety.db"))?,
        };
        Ok(if options.push_gateway.is_some() { store.pushing() } else { store })
    }

    /// A gateway's address, and the secret that signs for it: in the file `key`, made on the first start.
    fn gateway(&self, url: &str, key: &str, random: &mut dyn Rng) -> Result<Endpoint> {
        let url = check_url(url).context("the address of a gateway")?;
        let path = self.folder.join(key);
        let secret = match fs::read_to_string(&path).map(Zeroizing::new) {
            Ok(text) => Zeroizing::new(text.trim().to_owned()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let secret = new_signing_secret(random);
                write_secret(&path, secret.as_bytes())?;
                secret
            }
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        Ok(Endpoint { url, secret })
    }
}

/// The calibration that a decision names.
pub(crate) fn known_calibration(tx: &Tx<'_>, id: &str) -> Result<Calibration> {
    let mut known = Installation::shipped_calibrations()?;
    for text in tx.calibrations()? {
        known.push(Calibration::parse(&text).context("reading a calibration that decided")?);
    }
    let mut named = known.into_iter().filter(|calibration| calibration.provenance().id == id);
    named.next().with_context(|| format!("a decision names calibration {id}, which is not known here"))
}

/// Decisions are replayed with the calibration they name, so one name stands for one text for good.
fn keep_calibration(store: &Store, calibration: &Calibration, ctx: &Context<'_>) -> Result<()> {
    let (id, text) = (&calibration.provenance().id, calibration.to_text());
    let kept = store.write(|tx| tx.keep_calibration(id, &text, ctx.now))?;
    ensure!(
        kept == text,
        "another calibration called {id} was used here before: give this one a name of its own"
    );
    Ok(())
}

fn successor(model: Model<'_>) -> Result<Successor> {
    let Model { faces, calibration } = model;
    Calibration::parse(calibration)
        .and_then(|calibration| calibration.for_model(faces.model_id()).map(|_| ()))
        .context("checking the next model's calibration")?;
    Ok(Successor { faces: Arc::clone(faces) })
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

/// Writes a file that only its owner can read: whole or not at all, wherever it is cut off.
pub(crate) fn write_secret(path: &Path, secret: &[u8]) -> Result<()> {
    let partial = path.with_extension("part");
    let write = || -> std::io::Result<()> {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        file.write_all(secret)?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        // The name is on disk when its folder is.
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().with_context(|| format!("writing {}", path.display()))
}
