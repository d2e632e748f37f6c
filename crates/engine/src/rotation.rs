//! Rotating the master key while servers run.
//!
//! A new generation is written into the file, announced in the database, and every key is wrapped anew in small
//! transactions; values of the first version become ones of the second on the way. Invariants: at any moment each key
//! opens under a generation that is in the file; killed anywhere, the next run goes on from there; a generation leaves
//! the file only after the database, which refuses it while a key is wrapped by it, has let it go.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use evidence::{DataKey, Generation, Keyring, MasterKey, Version};
use store::{Holder, Objects, Store, Tx};
use types::CaptureId;

use crate::engine::{Context, FRAMES_PAY, contact_label, template_label};
use crate::keys::{KeyOf, Keys, Source, write_masters};
use crate::outbox::webhook_label;
use crate::pay::{frame_label, probe_label};

/// Keys and values of one transaction: few, so that payments hardly wait.
const BATCH: u32 = 50;

/// Where things lie, for a rotation.
pub struct Place<'a> {
    /// The data folder.
    pub folder: &'a Path,
    /// The database.
    pub store: &'a Store,
    /// The folder of sealed captures.
    pub captures: PathBuf,
    /// The generations from the environment, newest first, separated by commas; without them the folder's
    /// `master.key`.
    pub master_keys: Option<&'a str>,
}

/// How far to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Only write a new generation into the file, to be copied to the other machines.
    Added,
    /// Wrap everything under the newest generation.
    Rewrapped,
    /// And take the old generations away.
    Retired,
}

/// How far a rotation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Keys that were wrapped anew.
    pub keys: u64,
    /// Values of the first version that were sealed anew.
    pub values: u64,
    /// Pictures of the first version that were sealed anew.
    pub pictures: u64,
    /// What was to be done at the start, of all three.
    pub wanted: u64,
}

/// What a rotation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The generation that wraps now.
    pub newest: Generation,
    /// Was it added by this run? Otherwise a rotation that had begun was taken up again.
    pub added: bool,
    /// What was done.
    pub progress: Progress,
    /// Keys and values that are still under an old generation: a process that has not the new one wrote them meanwhile.
    pub left: u64,
    /// How many generations were taken away.
    pub retired: usize,
    /// Do the keys come from the environment, where the operator takes old ones away?
    pub given: bool,
}

/// Rotates the master key, or goes on with a rotation that was cut off.
///
/// # Errors
/// Another rotation runs; the master key is not that of the database; something does not open; an operating fault.
/// Everything keeps opening, and run again it goes on.
pub fn rotate_master_key(
    place: &Place<'_>,
    ctx: &mut Context<'_>,
    until: Until,
    progress: &mut dyn FnMut(Progress),
) -> Result<Rotated> {
    let _lock = lock(place.folder)?;
    let source = Source::new(place.folder, place.master_keys)?;
    let mut masters = source.masters()?;
    let keys = Keys::open(Source::new(place.folder, place.master_keys)?, &masters, place.store, ctx)?;
    let objects = place.captures.is_dir().then(|| Objects::open(&place.captures)).transpose()?;
    let (added, given) = match &source {
        Source::Given(_) => (false, true),
        Source::File(path) => {
            let add = until != Until::Retired || masters.len() == 1;
            let add = add && !has_begun(place.store, objects.as_ref(), &masters)?;
            if add {
                masters.insert(0, MasterKey::draw(ctx.random));
                write_masters(path, &masters)?;
            }
            (add, false)
        }
    };
    let ring = Arc::new(Keyring::new(&masters).context("there is no master key")?);
    let newest = ring.newest();
    let mut rotated = Rotated { newest, added, progress: Progress::default(), left: 0, retired: 0, given };
    if until == Until::Added {
        return Ok(rotated);
    }
    keys.replace(Arc::clone(&ring));
    place.store.write(|tx| tx.announce_generation(newest, ctx.now))?;
    let mut work = Work { store: place.store, objects: objects.as_ref(), keys: &keys, ring: &ring, newest };
    rotated.progress.wanted = work.left()?;
    work.run(ctx, &mut rotated.progress, progress)?;
    rotated.left = work.left()?;
    if until == Until::Retired {
        ensure!(
            rotated.left == 0,
            "{} keys or values are still under an old generation: run it again",
            rotated.left
        );
        rotated.retired = retire(place.store, &source, &masters)?;
    }
    place.store.forget_deleted()?;
    Ok(rotated)
}

/// One rotation at a time works on a folder; servers do not hold this lock.
fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("rotation.lock");
    let lock = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    lock.try_lock().with_context(|| format!("another rotation of {} is running", folder.display()))?;
    Ok(lock)
}

/// Is the newest generation one that an earlier run added, and has not brought everything under?
fn has_begun(store: &Store, objects: Option<&Objects>, masters: &[MasterKey]) -> Result<bool> {
    let newest = masters.first().context("there is no master key")?.generation();
    let (announced, under_others) = store.read(|tx| {
        let under_others = Holder::ALL.iter().map(|holder| tx.keys_under_others(*holder, newest));
        Ok::<_, anyhow::Error>((tx.generations()?, under_others.sum::<Result<u64>>()?))
    })?;
    if announced.first() != Some(&newest) || under_others > 0 {
        return Ok(true);
    }
    let unfinished = || {
        Ok::<_, anyhow::Error>(store.read(|tx| tx.first_values())? > 0 || !first_frames(objects)?.is_empty())
    };
    Ok(masters.len() > 1 && unfinished()?)
}

/// The old generations go: first from the database, which refuses it while one is used, then from the file.
fn retire(store: &Store, source: &Source, masters: &[MasterKey]) -> Result<usize> {
    let newest = masters.first().context("there is no master key")?;
    store
        .write(|tx| tx.retire_generations_but(newest.generation()))
        .context("a key is still wrapped by an old generation: run it again")?;
    match source {
        Source::File(path) => write_masters(path, std::slice::from_ref(newest))?,
        Source::Given(_) => {}
    }
    Ok(masters.len() - 1)
}

fn first_frames(objects: Option<&Objects>) -> Result<Vec<(CaptureId, usize)>> {
    let Some(objects) = objects else { return Ok(Vec::new()) };
    let mut first = Vec::new();
    for (capture, index) in objects.frames()? {
        match objects.version(capture, index)? {
            Some(Version::First) => first.push((capture, index)),
            Some(Version::Second) | None => {}
        }
    }
    Ok(first)
}

struct Work<'a> {
    store: &'a Store,
    objects: Option<&'a Objects>,
    keys: &'a Keys,
    ring: &'a Keyring,
    newest: Generation,
}

impl Work<'_> {
    /// Keys under other generations, values and pictures of the first version that a record names.
    fn left(&self) -> Result<u64> {
        let frames = first_frames(self.objects)?;
        self.store.read(|tx| {
            let mut left = tx.first_values()?;
            for holder in Holder::ALL {
                left += tx.keys_under_others(holder, self.newest)?;
            }
            for (capture, _) in &frames {
                // Without a record nobody can name a picture, and it is swept.
                left += u64::from(tx.has_capture(*capture)?);
            }
            Ok(left)
        })
    }

    fn run(
        &mut self,
        ctx: &mut Context<'_>,
        done: &mut Progress,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<()> {
        for holder in Holder::ALL {
            self.rewrap(holder, ctx, &mut |n| {
                done.keys += n;
                progress(*done);
            })?;
        }
        for reseal in [Self::contacts, Self::faces, Self::probes, Self::webhooks] {
            loop {
                let n = self.store.write(|tx| reseal(self, tx, ctx))?;
                if n == 0 {
                    break;
                }
                done.values += n;
                progress(*done);
            }
        }
        for (capture, index) in first_frames(self.objects)? {
            done.pictures += self.frame(ctx, capture, index)?;
            progress(*done);
        }
        Ok(())
    }

    fn rewrap(&self, holder: Holder, ctx: &mut Context<'_>, told: &mut dyn FnMut(u64)) -> Result<()> {
        let mut after = String::new();
        loop {
            let rewrapped = self.store.write(|tx| {
                let batch = tx.next_keys_under_others(holder, self.newest, (&after, BATCH))?;
                for (id, wrapped) in &batch {
                    let label = label(holder, id)?;
                    let key = self.ring.unwrapped(&label, wrapped);
                    let key = key.with_context(|| format!("unwrapping the {label}"))?;
                    tx.set_key(holder, id, &self.ring.wrap(self.newest, &label, &key, ctx.random)?)?;
                }
                Ok::<_, anyhow::Error>(batch.into_iter().map(|(id, _)| id).collect::<Vec<_>>())
            })?;
            let Some(last) = rewrapped.last() else { return Ok(()) };
            told(u64::try_from(rewrapped.len())?);
            last.clone_into(&mut after);
        }
    }

    fn contacts(&self, tx: &Tx<'_>, ctx: &mut Context<'_>) -> Result<u64> {
        let first = tx.next_first_contacts(BATCH)?;
        for value in &first {
            let (label, key) = (contact_label(value.id), DataKey::draw(ctx.random));
            let plain = self.ring.open_first(&label, &value.sealed).with_context(|| label.clone())?;
            let wrapped = self.keys.wrap(tx, KeyOf::Contact(value.id), &key, ctx.random)?;
            tx.reseal_contact(value.id, &key.seal(&label, &plain, ctx.random), &wrapped)?;
        }
        Ok(u64::try_from(first.len())?)
    }

    fn faces(&self, tx: &Tx<'_>, ctx: &mut Context<'_>) -> Result<u64> {
        let mut resealed = 0;
        for payer in &tx.next_first_faces(BATCH)? {
            // The payer's row guards the face's key.
            tx.payer(*payer)?.context("a payer has vanished")?;
            let key = match tx.face_key(*payer)? {
                Some(wrapped) => self.keys.unwrapped(KeyOf::Face(*payer), &wrapped)?,
                None => {
                    let key = DataKey::draw(ctx.random);
                    let wrapped = self.keys.wrap(tx, KeyOf::Face(*payer), &key, ctx.random)?;
                    tx.insert_face_key(*payer, &wrapped, ctx.now)?;
                    key
                }
            };
            let label = template_label(*payer);
            let reopen = |sealed: &[u8]| self.ring.open_first(&label, sealed).with_context(|| label.clone());
            for (model, sealed, _) in tx.templates_sealed(*payer)? {
                if Version::of(&sealed)? == Version::First {
                    tx.reseal_template(*payer, model, &key.seal(&label, &reopen(&sealed)?, ctx.random))?;
                    resealed += 1;
                }
            }
            for value in tx.first_enrolments(*payer)? {
                tx.reseal_enrolment(value.id, &key.seal(&label, &reopen(&value.sealed)?, ctx.random))?;
                resealed += 1;
            }
        }
        Ok(resealed)
    }

    fn probes(&self, tx: &Tx<'_>, ctx: &mut Context<'_>) -> Result<u64> {
        let first = tx.next_first_captures(BATCH)?;
        for (id, value) in &first {
            let (label, key) = (probe_label(value.id), DataKey::draw(ctx.random));
            let plain = self.ring.open_first(&label, &value.sealed).with_context(|| label.clone())?;
            let wrapped = self.keys.wrap(tx, KeyOf::Capture(*id), &key, ctx.random)?;
            tx.reseal_probe(*id, &key.seal(&label, &plain, ctx.random), &wrapped)?;
        }
        Ok(u64::try_from(first.len())?)
    }

    fn webhooks(&self, tx: &Tx<'_>, ctx: &mut Context<'_>) -> Result<u64> {
        let first = tx.next_first_webhooks(BATCH)?;
        for value in &first {
            let (label, key) = (webhook_label(value.id), DataKey::draw(ctx.random));
            let plain = self.ring.open_first(&label, &value.sealed).with_context(|| label.clone())?;
            let wrapped = self.keys.wrap(tx, KeyOf::Webhook(value.id), &key, ctx.random)?;
            tx.reseal_webhook(value.id, &key.seal(&label, &plain, ctx.random), &wrapped)?;
        }
        Ok(u64::try_from(first.len())?)
    }

    /// Seals a picture under the key of its capture, whose row is locked: an erasure comes before or after, and what
    /// it deletes does not come back.
    fn frame(&self, ctx: &mut Context<'_>, capture: CaptureId, index: usize) -> Result<u64> {
        let Some(objects) = self.objects else { return Ok(0) };
        if !(0..*FRAMES_PAY.end()).contains(&index) {
            return Ok(0);
        }
        self.store.write(|tx| {
            let Some(wrapped) = tx.capture_key(capture)? else { return Ok(0) };
            let key = self.keys.unwrapped(KeyOf::Capture(capture), &wrapped)?;
            let Some(sealed) = objects.frame(capture, index)? else { return Ok(0) };
            let label = frame_label(capture, index);
            match Version::of(&sealed)? {
                Version::First => {}
                Version::Second => return Ok(0),
            }
            let plain = self.ring.open_first(&label, &sealed).with_context(|| label.clone())?;
            objects.put_frame(capture, index, &key.seal(&label, &plain, ctx.random))?;
            Ok::<_, anyhow::Error>(1)
        })
    }
}

/// What a stored key is bound to.
fn label(holder: Holder, id: &str) -> Result<String> {
    let damaged = || format!("{id} is the id of no key");
    Ok(match holder {
        Holder::Contact => KeyOf::Contact(id.parse().with_context(damaged)?).label(),
        Holder::Face => KeyOf::Face(id.parse().with_context(damaged)?).label(),
        Holder::Capture => KeyOf::Capture(id.parse().with_context(damaged)?).label(),
        Holder::Webhook => KeyOf::Webhook(id.parse().with_context(damaged)?).label(),
        Holder::Totp => KeyOf::Totp(id.parse().with_context(damaged)?).label(),
        Holder::Index => Keys::index_label().to_owned(),
        Holder::PhoneCode => KeyOf::PhoneCode(id.parse().with_context(damaged)?).label(),
        Holder::Text => KeyOf::Text(id.parse().with_context(damaged)?).label(),
    })
}
