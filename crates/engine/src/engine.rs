//! The engine: everything the use cases share.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use evidence::{DataKey, WrappedKey};
use face::FaceModels;
use face::fusion::LivenessModel;
use gallery::{Entry, Gallery, Status};
use identity::{Calibration, PlaceModel};
use jiff::tz::TimeZone;
use rand::Rng;
use risk::{Certainty, Operator, Policy};
use serde::{Deserialize, Serialize};
use store::{EventRow, FaceState, MessageRow, Objects, PayerRow, Store, Tx};
use types::{Date, Digest, EventId, GeoPoint, MessageId, PayerId, PhoneNumber, Template, Timestamp};

use crate::cohorts::Cohorts;
use crate::drift::CalibrationHealth;
use crate::duties::FacesHeld;
use crate::following::Followed;
use crate::keys::{KeyOf, Keys};
use crate::outbox::Endpoint;
use crate::passkeys::RelyingParty;
use crate::recognise::{Ends, Habits};
use crate::rejected::{Error, Rejected};
use crate::searching::{Faces, GalleryPlace, is_live};
use crate::successor::Successor;
use crate::texts::{Bell, Route};

/// How many pictures an enrolment takes.
pub const FRAMES_ENROL: RangeInclusive<usize> = 2..=5;
/// How many frames a capture takes; the calibration goes no further.
pub const FRAMES_PAY: RangeInclusive<usize> = 1..=3;

/// How many pictures a capture has at most, those of a challenge included.
pub(crate) const PICTURES_MAX: usize = 3 + risk::MOVES_MAX as usize * risk::MOVE_FRAMES_MAX as usize;

/// What a use case gets from outside: the clock and the randomness, so that a replay gives the same answer.
pub struct Context<'a> {
    /// The time.
    pub now: Timestamp,
    /// Where ids, nonces, codes and keys come from. Must be unpredictable in production.
    pub random: &'a mut dyn Rng,
}

/// Where the time of one attempt went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Each stage of each frame, in order.
    pub frames: Vec<face::StageTimings>,
    /// Search over the whole gallery.
    pub search: Duration,
    /// Priors and posterior.
    pub posterior: Duration,
    /// Sealing and storing the frames.
    pub seal: Duration,
    /// The database transaction: verdict, ledger, messages.
    pub commit: Duration,
}

/// Everything the use cases share. `Send + Sync`; one per process.
pub struct Engine {
    pub(crate) store: Store,
    pub(crate) objects: Objects,
    pub(crate) keys: Keys,
    pub(crate) faces: Arc<FaceModels>,
    pub(crate) gallery: Faces,
    pub(crate) calibration: Calibration,
    /// The model that is to replace the one in use, if one is.
    pub(crate) successor: Option<Successor>,
    /// Which homes belong to which of its cohorts.
    pub(crate) cohorts: Cohorts,
    pub(crate) place: PlaceModel,
    pub(crate) policy: Policy,
    pub(crate) policy_digest: Digest,
    /// How a face is judged: the policy's own settings, or the default's where the policy has none of its own and
    /// only investigations ask.
    pub(crate) rule: Certainty,
    /// Who is a regular customer where.
    pub(crate) habits: Habits,
    /// Templates that were brought in lately.
    pub(crate) followed: Followed,
    /// How attempts end where.
    pub(crate) ends: Ends,
    /// Where the business day begins.
    pub(crate) time_zone: TimeZone,
    /// Where messages to payers are pushed, if anywhere.
    pub(crate) push_gateway: Option<Endpoint>,
    /// How text messages leave, if at all.
    pub(crate) texts: Option<Route>,
    /// Rung when there is a text to send.
    pub(crate) bell: Bell,
    /// May the database's log still hold what was deleted? So at the start: a crash may have kept it from being cut.
    uncut_log: AtomicBool,
    /// Where browsers see this installation; none: passkeys are off.
    pub(crate) relying_party: Option<RelyingParty>,
    /// Judges how alive a capture looks; none: the frame that looks least alive does.
    pub(crate) liveness: Option<LivenessModel>,
    /// Set when an assertion about money failed: no more payments until an operator looked.
    broken: AtomicBool,
}

/// What an engine is opened with.
pub(crate) struct Parts {
    pub(crate) store: Store,
    pub(crate) objects: Objects,
    pub(crate) keys: Keys,
    pub(crate) faces: Arc<FaceModels>,
    pub(crate) calibration: Calibration,
    pub(crate) successor: Option<Successor>,
    pub(crate) policy: Policy,
    pub(crate) policy_digest: Digest,
    pub(crate) rule: Certainty,
    pub(crate) push_gateway: Option<Endpoint>,
    pub(crate) texts: Option<Route>,
    pub(crate) gallery: GalleryPlace,
}

/// What an operator asks first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    /// May payments be taken?
    pub healthy: bool,
    /// Is passive liveness installed?
    pub liveness: bool,
    /// Faces that are searched: in the memory of this process, or in the database.
    pub enrolled: usize,
    /// Faces in the database, and whether their number asks something of the operator.
    pub faces: FacesHeld,
    /// What scores mean here, and whether that still holds.
    pub calibration: CalibrationHealth,
}

/// Name, phone and birth date of a payer, as sealed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Contact {
    pub(crate) name: String,
    pub(crate) phone: PhoneNumber,
    /// None for accounts from before it was asked.
    #[serde(default)]
    pub(crate) birth_date: Option<Date>,
}

impl Engine {
    pub(crate) fn assemble(parts: Parts) -> anyhow::Result<Self> {
        let dimension =
            NonZeroUsize::new(parts.faces.dimension()).context("a template has at least one number")?;
        let gallery = match parts.gallery {
            GalleryPlace::Memory => Faces::Memory(Box::new(Gallery::new(dimension))),
            GalleryPlace::Postgresql => Faces::Database(Self::turn_of(&parts.keys, dimension.get())),
        };
        let time_zone = TimeZone::get(&parts.policy.settlement.time_zone)
            .context("settlement.time_zone of the policy is no time zone of the IANA database")?;
        let engine = Self {
            time_zone,
            habits: Habits::default(),
            ends: Ends::default(),
            push_gateway: parts.push_gateway,
            texts: parts.texts,
            bell: Bell::default(),
            relying_party: None,
            liveness: None,
            store: parts.store,
            objects: parts.objects,
            keys: parts.keys,
            faces: parts.faces,
            gallery,
            cohorts: Cohorts::of(&parts.policy.cohorts, &parts.calibration)?,
            calibration: parts.calibration,
            successor: parts.successor,
            followed: Followed::default(),
            place: PlaceModel::default(),
            policy: parts.policy,
            policy_digest: parts.policy_digest,
            rule: parts.rule,
            uncut_log: AtomicBool::new(true),
            broken: AtomicBool::new(false),
        };
        engine.fill()?;
        Ok(engine)
    }

    /// How often the interface may be called, as the policy says.
    #[must_use]
    pub const fn rates(&self) -> &risk::Rates {
        &self.policy.rates
    }

    pub(crate) fn load_gallery(&self) -> anyhow::Result<()> {
        self.model_must_be_ready()?;
        for row in self.store.read(|tx| tx.templates(self.faces.model_id()))? {
            self.admit(&row).context("filling the gallery")?;
            self.is_followed(row.payer, row.created_at);
        }
        Ok(())
    }

    /// The state of the process.
    ///
    /// # Errors
    /// An operating fault: the database does not answer, or the gallery is damaged.
    pub fn health(&self) -> Result<Health, Error> {
        self.store.read(|tx| tx.payer_count())?;
        let enrolled = self.faces_searched()?;
        let healthy = !self.broken.load(Ordering::Relaxed);
        let faces = self.faces_held()?;
        let calibration = self.calibration_health()?;
        Ok(Health { healthy, liveness: self.faces.liveness_available(), enrolled, faces, calibration })
    }

    /// Who operates this, as far as the policy says.
    #[must_use]
    pub const fn operator(&self) -> Option<&Operator> {
        self.policy.operator.as_ref()
    }

    /// Stops all payments: an assertion about money failed.
    pub fn mark_broken(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    pub(crate) fn log_holds_deleted(&self) {
        self.uncut_log.store(true, Ordering::SeqCst);
    }

    /// Cuts the database's log, if it may hold what was deleted; while a reader is in the way it is left for later.
    pub(crate) fn cut_log(&self) -> anyhow::Result<()> {
        if self.uncut_log.swap(false, Ordering::SeqCst) {
            let cut = self.store.forget_deleted();
            if !matches!(cut, Ok(true)) {
                self.log_holds_deleted();
            }
            cut?;
        }
        Ok(())
    }

    pub(crate) fn refuse_when_broken(&self) -> Result<(), Error> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(anyhow::anyhow!(
                "an assertion about money failed earlier; run `surety verify`, then restart"
            )
            .into());
        }
        Ok(())
    }

    /// The key of a payer's face, drawn if there is none. The caller has locked the payer.
    pub(crate) fn face_key(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        payer: PayerId,
    ) -> anyhow::Result<DataKey> {
        if let Some(wrapped) = tx.face_key(payer)? {
            return self.keys.unwrapped(KeyOf::Face(payer), &wrapped);
        }
        let key = DataKey::draw(ctx.random);
        let wrapped = self.keys.wrap(tx, KeyOf::Face(payer), &key, ctx.random)?;
        tx.insert_face_key(payer, &wrapped, ctx.now)?;
        Ok(key)
    }

    pub(crate) fn open_template(
        &self,
        payer: PayerId,
        key: Option<&WrappedKey>,
        sealed: &[u8],
    ) -> anyhow::Result<Template> {
        let bytes = self.keys.open_value((KeyOf::Face(payer), key), &template_label(payer), sealed)?;
        Template::from_bytes(&bytes).with_context(|| format!("reading the template of {payer}"))
    }

    /// Name and phone of a payer, as they were sealed; none of a closed account.
    pub(crate) fn contact(&self, row: &PayerRow) -> anyhow::Result<Option<Contact>> {
        if row.closed_at.is_some() {
            return Ok(None);
        }
        self.open_contact(row.id, row.contact_key.as_ref(), &row.contact_sealed).map(Some)
    }

    /// The contact of an account that is in use.
    ///
    /// # Errors
    /// An account that was closed; an operating fault.
    pub(crate) fn live_contact(&self, row: &PayerRow) -> Result<Contact, Error> {
        Ok(self.contact(row)?.ok_or(Rejected::payer())?)
    }

    /// The key of a payer's name, numbers and documents. What was sealed before there was one is sealed anew. The caller
    /// has locked the payer.
    pub(crate) fn contact_key(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        row: &PayerRow,
    ) -> Result<DataKey, Error> {
        if let Some(wrapped) = &row.contact_key {
            return Ok(self.keys.unwrapped(KeyOf::Contact(row.id), wrapped)?);
        }
        let contact = self.live_contact(row)?;
        let key = DataKey::draw(ctx.random);
        let wrapped = self.keys.wrap(tx, KeyOf::Contact(row.id), &key, ctx.random)?;
        tx.reseal_contact(row.id, &seal_contact(&key, row.id, &contact, ctx.random)?, &wrapped)?;
        Ok(key)
    }

    pub(crate) fn open_contact(
        &self,
        payer: PayerId,
        key: Option<&WrappedKey>,
        sealed: &[u8],
    ) -> anyhow::Result<Contact> {
        let bytes = self.keys.open_value((KeyOf::Contact(payer), key), &contact_label(payer), sealed)?;
        serde_json::from_slice(&bytes).with_context(|| format!("reading the contact of {payer}"))
    }
}

pub(crate) fn seal_contact(
    key: &DataKey,
    payer: PayerId,
    contact: &Contact,
    random: &mut dyn Rng,
) -> anyhow::Result<Vec<u8>> {
    let bytes = zeroize::Zeroizing::new(serde_json::to_vec(contact)?);
    Ok(key.seal(&contact_label(payer), &bytes, random))
}

pub(crate) fn seal_template(
    key: &DataKey,
    payer: PayerId,
    template: &Template,
    random: &mut dyn Rng,
) -> Vec<u8> {
    key.seal(&template_label(payer), &template.to_bytes(), random)
}

pub(crate) fn template_label(payer: PayerId) -> String {
    format!("template {payer}")
}

pub(crate) fn contact_label(payer: PayerId) -> String {
    format!("contact {payer}")
}

/// A message to be sent: the key of the catalogue, its arguments, and what it is about.
pub(crate) struct Message {
    pub(crate) kind: &'static str,
    pub(crate) args: serde_json::Value,
    pub(crate) reference: String,
}

/// Puts a message into the payer's own device channel.
pub(crate) fn tell(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    payer: PayerId,
    message: Message,
) -> anyhow::Result<()> {
    let Message { kind, args, reference } = message;
    let id = MessageId::generate(ctx.now, ctx.random);
    tx.insert_message(&MessageRow { id, payer, at: ctx.now, kind: kind.to_owned(), args, reference })
}

/// Records a change.
pub(crate) fn record(
    tx: &Tx<'_>,
    ctx: &mut Context<'_>,
    actor: &str,
    subject: &impl std::fmt::Display,
    body: serde_json::Value,
) -> anyhow::Result<()> {
    let id = EventId::generate(ctx.now, ctx.random);
    tx.insert_event(&EventRow {
        id,
        subject: subject.to_string(),
        at: ctx.now,
        actor: actor.to_owned(),
        body,
    })
}

/// What the gallery knows of a payer.
pub(crate) fn entry(
    payer: PayerId,
    pictures: u32,
    (phone, home): (&PhoneNumber, GeoPoint),
    face: FaceState,
) -> Entry {
    let status = if is_live(face) { Status::Live } else { Status::Paused };
    Entry { payer, pictures, last_four: phone.last_four(), status, region: region(home).into() }
}

/// Half a degree of latitude and longitude, some 50 km: coarse enough to say little about a person, fine
/// enough to tell towns apart. The text is its own coordinates.
pub(crate) const REGION_DEGREES: f64 = 0.5;

pub(crate) fn region(home: GeoPoint) -> String {
    // Nothing added makes a negative zero a plain one: both are one region, and so are both sides of the date line.
    let snap = |degrees: f64| (degrees / REGION_DEGREES).round() * REGION_DEGREES + 0.0;
    let east = snap(home.longitude());
    format!("{:.1},{:.1}", snap(home.latitude()), if east >= 180.0 { -180.0 } else { east })
}

/// The middle of a [`region`].
pub(crate) fn region_point(region: &str) -> Option<GeoPoint> {
    let (latitude, longitude) = region.split_once(',')?;
    GeoPoint::new(latitude.parse().ok()?, longitude.parse().ok()?).ok()
}

/// Six digits, each equally likely.
pub(crate) fn new_code(random: &mut dyn Rng) -> String {
    loop {
        let mut bytes = [0; 4];
        random.fill_bytes(&mut bytes);
        let number = u32::from_le_bytes(bytes);
        // The largest multiple of a million below 2^32: above it the first codes would come more often.
        if number < 4_294_000_000 {
            return format!("{:06}", number % 1_000_000);
        }
    }
}

/// A text field between 1 and `max` characters that is not only white space.
pub(crate) fn text_field(
    field: &'static str,
    text: &str,
    max: usize,
    what: &'static str,
) -> Result<String, Rejected> {
    let trimmed = text.trim();
    let control = trimmed.chars().any(|c| c.is_control() && c != '\n');
    if trimmed.is_empty() || trimmed.chars().count() > max || control {
        return Err(Rejected::Field { field, what });
    }
    Ok(trimmed.to_owned())
}
