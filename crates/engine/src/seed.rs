//! Synthetic accounts with synthetic templates, so that a demonstration searches among many.

use evidence::DataKey;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use store::{ConsentRow, FaceState, Language, PayerRow, Tx};
use types::{ConsentId, GeoPoint, PayerId, PhoneNumber, Template, Tier};

use crate::consents::consent_version;
use crate::engine::{Contact, Context, Engine, entry, seal_contact, seal_template};
use crate::keys::KeyOf;
use crate::rejected::Error;

/// Cities of the demonstration, with their share of the accounts.
const CITIES: [(&str, f64, f64); 8] = [
    ("Guangzhou", 23.1291, 113.2644),
    ("Xi'an", 34.3416, 108.9398),
    ("Shanghai", 31.2304, 121.4737),
    ("Beijing", 39.9042, 116.4074),
    ("Chengdu", 30.5728, 104.0668),
    ("Wuhan", 30.5928, 114.3055),
    ("Harbin", 45.8038, 126.5350),
    ("Kunming", 25.0389, 102.7183),
];
/// Accounts per transaction: large enough to be fast, small enough to show progress.
const BATCH: u32 = 5_000;
const PICTURES: u32 = 2;
/// Real faces share a direction: two strangers' templates are not orthogonal on average.
const COMMON_SHARE: f64 = 0.05;

/// How far seeding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeded {
    /// Accounts made so far.
    pub done: u32,
    /// Accounts wanted.
    pub wanted: u32,
}

impl Engine {
    /// Adds accounts with synthetic faces, always the same ones for the same numbers: numbers `from..from + wanted`.
    /// They have no PIN and no device, so they can be found but never pass a strong factor. Their phones end in
    /// `endings` different ways, 1 to 10,000.
    ///
    /// # Errors
    /// An operating fault; the accounts of finished batches stay.
    pub fn seed(
        &self,
        ctx: &mut Context<'_>,
        (wanted, endings): (u32, u32),
        mut progress: impl FnMut(Seeded),
    ) -> Result<(), Error> {
        let start = self.store.read(|tx| tx.payer_count().map_err(Error::from))?;
        let start = u32::try_from(start).map_err(anyhow::Error::new)?;
        let mut done = 0;
        while done < wanted {
            let batch = BATCH.min(wanted - done);
            self.seed_batch(ctx, (start + done, batch), endings)?;
            done += batch;
            progress(Seeded { done, wanted });
        }
        Ok(())
    }

    fn seed_batch(
        &self,
        ctx: &mut Context<'_>,
        (first, count): (u32, u32),
        endings: u32,
    ) -> Result<(), Error> {
        let made = self.store.write(|tx| {
            let mut made = Vec::new();
            for number in first..first + count {
                let (row, contact, template) = self.synthetic(tx, ctx, (number, endings))?;
                if !tx.insert_payer(&row)? {
                    continue;
                }
                let id = ConsentId::generate(ctx.now, ctx.random);
                let version = consent_version().to_owned();
                tx.insert_consent(&ConsentRow {
                    id,
                    payer: row.id,
                    version,
                    given_at: ctx.now,
                    withdrawn_at: None,
                })?;
                let key = self.face_key(tx, ctx, row.id)?;
                let sealed = seal_template(&key, row.id, &template, ctx.random);
                tx.put_template(row.id, &sealed, (PICTURES, self.faces.model_id()), ctx.now)?;
                self.write_face_row(tx, row.id)?;
                made.push((entry(row.id, PICTURES, (&contact.phone, row.home), row.face), template));
            }
            Ok::<_, Error>(made)
        })?;
        for (entry, template) in made {
            self.gallery.insert(entry, &template)?;
        }
        Ok(())
    }

    fn synthetic(
        &self,
        tx: &Tx<'_>,
        ctx: &mut Context<'_>,
        (number, endings): (u32, u32),
    ) -> Result<(PayerRow, Contact, Template), Error> {
        let SyntheticFace { city, home, template } = SyntheticFace::new(number, self.faces.dimension())?;
        let id = PayerId::generate(ctx.now, ctx.random);
        let phone: PhoneNumber = synthetic_phone(number, endings).parse().map_err(anyhow::Error::new)?;
        let contact = Contact { name: format!("Synthetic {number}"), phone, birth_date: None };
        let key = DataKey::draw(ctx.random);
        let row = PayerRow {
            id,
            contact_sealed: seal_contact(&key, id, &contact, ctx.random)?,
            contact_key: Some(self.keys.wrap(tx, KeyOf::Contact(id), &key, ctx.random)?),
            closed_at: None,
            phone_index: self.phone_index(&contact.phone),
            pin_hash: None,
            pin_failures: 0,
            pin_locked_until: None,
            pin_locks: 0,
            pin_recovered_at: None,
            // Nobody whose limits matter.
            tier: Tier::Verified,
            language: Language::Zh,
            home_city: city.to_owned(),
            home,
            face: FaceState::Enabled,
            created_at: ctx.now,
        };
        Ok((row, contact, template))
    }
}

/// The phone of a synthetic account.
fn synthetic_phone(number: u32, endings: u32) -> String {
    format!("+86170{:04}{:04}", number / endings, number % endings)
}

/// The face of a synthetic account, and where it is at home.
pub struct SyntheticFace {
    /// The city.
    pub city: &'static str,
    /// Where that is.
    pub home: GeoPoint,
    /// What a picture of it would give.
    pub template: Template,
}

impl SyntheticFace {
    /// Always the same for the same number and dimension.
    ///
    /// # Errors
    /// A dimension of zero.
    pub fn new(number: u32, dimension: usize) -> anyhow::Result<Self> {
        let mut dice = StdRng::seed_from_u64(u64::from(number));
        let at = usize::try_from(dice.next_u32())? % CITIES.len();
        let (city, latitude, longitude) = CITIES[at];
        let home = GeoPoint::new(latitude, longitude)?;
        Ok(Self { city, home, template: synthetic_template(&mut dice, dimension)? })
    }
}

/// A unit vector of the model's dimension: noise, and a little of the direction all faces share.
fn synthetic_template(dice: &mut StdRng, dimension: usize) -> anyhow::Result<Template> {
    let mut noise = Vec::with_capacity(dimension);
    for at in 0..dimension {
        // The sum of twelve uniform numbers is close to normal, with variance 1.
        let sum: f64 = (0..12).map(|_| f64::from(dice.next_u32()) / f64::from(u32::MAX)).sum();
        let common = if at % 2 == 0 { COMMON_SHARE.sqrt() } else { -COMMON_SHARE.sqrt() };
        #[expect(clippy::cast_possible_truncation, reason = "templates are 32-bit floats")]
        noise.push((sum - 6.0 + common) as f32);
    }
    Ok(Template::normalised(noise)?)
}
