//! What is measured: books with transfers, and an engine whose payers pay by synthetic faces.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use engine::{
    Account, CredentialKind, Engine, Installation, Measured, MerchantCaller, NewMerchant, NewOrder,
    NewTerminal, Options, Purpose, SessionState, StaffCaller, SyntheticFace, TerminalCaller, Transfer,
};
use face::{FaceBox, FaceEvidence, FaceModels, FacePrint, FrameEvidence, Glance, Quality, StageTimings};
use store::{Store, Tally};
use types::{
    Amount, Currency, Digest, GeoPoint, PayerId, Place, Probability, Template, TerminalId, TransferId,
};

use super::super::terminal::open_terminal;
use super::load::{Load, closed_loop};
use super::report::{Effort, Phase};
use super::{PAYERS, SHOPS};
use crate::clock;

/// Accounts that transfer to each other.
const ACCOUNTS: u32 = 1_000;
/// More than anybody spends in a run: ten million yuan.
const FUNDS_MINOR: i64 = 1_000_000_000;
/// Payments whose transactions and statements are counted.
const COUNTED: u32 = 20;

/// Nothing but books.
pub(super) struct Books {
    store: Store,
    accounts: Vec<PayerId>,
}

impl Books {
    pub(super) fn fill(store: Store) -> Result<Self> {
        let accounts: Vec<PayerId> = clock::with_context(|ctx| {
            (0..ACCOUNTS).map(|_| PayerId::generate(ctx.now, ctx.random)).collect()
        });
        fund(&store, &accounts)?;
        Ok(Self { store, accounts })
    }

    /// How often the file was committed so far.
    pub(super) fn commits(&self) -> usize {
        self.store.commits()
    }

    /// One transfer between two of them.
    pub(super) fn transfer(&self) -> Result<()> {
        clock::with_context(|ctx| {
            let from = ctx.random.next_u32() % ACCOUNTS;
            let to = (from + 1 + ctx.random.next_u32() % (ACCOUNTS - 1)) % ACCOUNTS;
            let account =
                |at: u32| Ok::<_, anyhow::Error>(Account::Payer(self.accounts[usize::try_from(at)?]));
            let transfer = Transfer {
                id: TransferId::generate(ctx.now, ctx.random),
                from: account(from)?,
                to: account(to)?,
                amount: Amount::new(1, Currency::CNY),
                purpose: Purpose::TopUp,
            };
            let moved = self.store.write(|tx| tx.post(&transfer, ctx.now))?;
            ensure!(moved, "a new transfer was known already");
            Ok(())
        })
    }
}

fn fund(store: &Store, payers: &[PayerId]) -> Result<()> {
    clock::with_context(|ctx| {
        store.write(|tx| {
            for payer in payers {
                let transfer = Transfer {
                    id: TransferId::generate(ctx.now, ctx.random),
                    from: Account::External,
                    to: Account::Payer(*payer),
                    amount: Amount::new(FUNDS_MINOR, Currency::CNY),
                    purpose: Purpose::TopUp,
                };
                tx.post(&transfer, ctx.now)?;
            }
            Ok::<_, anyhow::Error>(())
        })
    })
}

struct Shop {
    merchant: MerchantCaller,
    terminal: TerminalCaller,
    terminal_id: TerminalId,
}

struct Customer {
    template: Template,
    /// Those of the own town, of which he goes to each in turn.
    shops: Vec<usize>,
}

/// Where the time of payments went.
#[derive(Clone, Copy, Default)]
pub(super) struct Phases {
    pub(super) order: Duration,
    pub(super) session: Duration,
    pub(super) recognise: Duration,
    pub(super) commit: Duration,
    pub(super) payments: u32,
}

/// Shops and payers around one engine.
pub(super) struct World {
    engine: Engine,
    _installation: Installation,
    shops: Vec<Shop>,
    customers: Vec<Customer>,
    model: Digest,
    next: AtomicU64,
}

impl World {
    pub(super) fn build(folder: &Path, faces: &Arc<FaceModels>, database: Option<&str>) -> Result<Self> {
        let policy = Installation::policy_text(None)?;
        let installation = Installation::open(folder)?;
        let options = Options {
            policy: &policy,
            database,
            captures: None,
            push_gateway: None,
            master_keys: None,
            texts: None,
            calibration: None,
            successor: None,
            gallery: engine::GalleryPlace::Memory,
        };
        let engine = clock::with_context(|ctx| installation.engine(Arc::clone(faces), &options, ctx))?;
        clock::with_context(|ctx| engine.seed(ctx, (PAYERS, super::super::ENDINGS), |_| ()))?;
        let store = match database {
            Some(url) => Store::connect(url)?,
            None => Store::open(&folder.join("surety.db"))?,
        };
        let payers: Vec<PayerId> =
            store.read(|tx| tx.templates(faces.model_id()))?.into_iter().map(|row| row.payer).collect();
        fund(&store, &payers)?;
        let staff = std::fs::read_to_string(folder.join("staff.key")).context("reading the staff key")?;
        let staff = super::super::on_duty(&engine, &staff)?;
        let dimension = faces.dimension();
        let people = (0..PAYERS).map(|number| SyntheticFace::new(number, dimension));
        let people = people.collect::<Result<Vec<_>>>()?;
        let towns: BTreeMap<&str, GeoPoint> =
            people.iter().map(|person| (person.city, person.home)).collect();
        let places = towns.iter().cycle().take(usize::try_from(SHOPS)?);
        let shops: Vec<Shop> = places
            .clone()
            .map(|(city, point)| open_shop(&engine, &staff, city, *point))
            .collect::<Result<_>>()?;
        let customers = people.into_iter().map(|person| {
            let near = places.clone().enumerate().filter(|(_, (city, _))| **city == person.city);
            Customer { template: person.template, shops: near.map(|(at, _)| at).collect() }
        });
        let customers = customers.collect();
        let (model, next) = (faces.model_id(), AtomicU64::new(0));
        Ok(Self { engine, _installation: installation, shops, customers, model, next })
    }

    /// Payments by several clients, and where their time went.
    pub(super) fn payments(&self, clients: usize, time: Duration) -> Result<(Load, Phases)> {
        let sum = Mutex::new(Phases::default());
        let load = closed_loop(clients, time, || {
            let [order, session, recognise, commit] = self.pay()?.map(|step| step.time);
            let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
            sum.order += order;
            sum.session += session;
            sum.recognise += recognise;
            sum.commit += commit;
            sum.payments += 1;
            Ok(())
        })?;
        Ok((load, sum.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }

    /// The transactions and statements of one payment, by phase.
    pub(super) fn effort(&self) -> Result<Effort> {
        let mut last = None;
        for _ in 0..COUNTED {
            last = Some(self.pay()?);
        }
        let [order, session, recognise, commit] =
            last.context("no payment was counted")?.map(|step| step.phase);
        Ok(Effort { order, session, recognise, commit })
    }

    /// One payment from the order to the debit: everything but the models. Nobody pays the same shop the same
    /// amount twice, because that would be asked about.
    fn pay(&self) -> Result<[Step; 4]> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let (customer, nth) = (turn % u64::from(PAYERS), turn / u64::from(PAYERS));
        let customer = &self.customers[usize::try_from(customer)?];
        let shop = usize::try_from(nth)? % customer.shops.len();
        let shop = &self.shops[customer.shops[shop]];
        let (begun, at) = (Instant::now(), Tally::of_this_thread());
        let new = NewOrder {
            out_trade_no: format!("bench-{turn}"),
            terminal: shop.terminal_id,
            amount: Amount::new(1 + i64::try_from(nth)?, Currency::CNY),
            description: "bench".into(),
            capture_later: false,
        };
        let (order, _) = clock::with_context(|ctx| self.engine.create_order(ctx, shop.merchant, new))?;
        let (ordered, after_order) = (Instant::now(), Tally::of_this_thread());
        let session = clock::with_context(|ctx| self.engine.open_session(ctx, shop.terminal, order.id))?;
        let (opened, after_session) = (Instant::now(), Tally::of_this_thread());
        let face = evidence(&customer.template, self.model);
        let faces = [face.clone(), face];
        let (view, timings) = clock::with_context(|ctx| {
            let measured = Measured { pictures: &[], faces: &faces, moves: &[] };
            self.engine.capture_measured(ctx, shop.terminal, (session.id, &session.nonce), measured)
        })?;
        let (whole, captured) = (opened.elapsed(), Tally::of_this_thread() - after_session);
        let Some(SessionState::Approved { payment: _, payer: _, payer_name: _ }) = view.state else {
            bail!("a payment was not approved: {:?}", view.state);
        };
        Ok([
            Step { time: ordered - begun, phase: Phase::whole(after_order - at) },
            Step { time: opened - ordered, phase: Phase::whole(after_session - after_order) },
            Step { time: whole.saturating_sub(timings.commit), phase: Phase::reading(captured) },
            Step { time: timings.commit, phase: Phase::writing(captured) },
        ])
    }
}

struct Step {
    time: Duration,
    phase: Phase,
}

fn open_shop(engine: &Engine, staff: &StaffCaller, city: &str, point: GeoPoint) -> Result<Shop> {
    clock::with_context(|ctx| {
        let new = NewMerchant { name: "Bench".into(), city: city.into() };
        let (merchant, merchant_key) = engine.register_merchant(ctx, staff, new)?;
        let place = Place { city: city.into(), address: "1 Bench Road".into(), point };
        let new = NewTerminal { merchant, label: "1".into(), place };
        let (terminal_id, terminal) = open_terminal(engine, ctx, staff, new)?;
        Ok(Shop {
            merchant: engine.authenticate(clock::now(), &merchant_key, CredentialKind::Bearer)?.merchant()?,
            terminal,
            terminal_id,
        })
    })
}

/// What a good frame gives.
fn evidence(template: &Template, model: Digest) -> FaceEvidence {
    let frame = FrameEvidence {
        model,
        picture_px: [1080, 1920],
        faces_seen: 1,
        face_box: FaceBox { x: 300.0, y: 500.0, width: 480.0, height: 640.0 },
        landmarks: [[440.0, 760.0], [640.0, 760.0], [540.0, 880.0], [460.0, 990.0], [620.0, 990.0]],
        detection_score: 0.95,
        quality: Quality {
            face_px: 480.0,
            eye_distance_px: 200.0,
            yaw: 0.0,
            pitch: 0.5,
            roll_degrees: 0.0,
            brightness: 0.5,
            sharpness: 0.03,
        },
        liveness: Probability::new(0.99),
        cues: None,
    };
    let (template, print, glance) = (template.clone(), FacePrint::default(), Glance::default());
    FaceEvidence { frame, template, print, timings: StageTimings::default(), glance }
}
