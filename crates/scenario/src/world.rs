//! What a scenario has made so far: the server, who is registered, and what is going on at a terminal.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use api::{Capture, NewSessionReply, OrderView, PayerView, PaymentList, Problem, Stage};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use types::{
    Amount, DisputeId, MerchantId, PayerId, PaymentId, PhoneNumber, Place, StaffRole, StaffRoles, TerminalId,
    TransferId,
};

use crate::camera::retaken;
use crate::play::Settings;
use crate::server::{self, Server, Sms, Start};
use crate::{CallError, Client, Device, DeviceKey, Phones, people};

/// Somebody who can call the server that a story leaves running.
pub struct Address {
    /// `admin`, `staff`, `merchant`, `terminal` or `payer`.
    pub role: &'static str,
    /// Who.
    pub name: String,
    /// What shows it.
    pub credential: Credential,
}

/// How somebody shows who it is.
pub enum Credential {
    /// A bearer key.
    Bearer(String),
    /// A terminal's device, which signs.
    Device(Box<Device>),
}

pub(crate) struct Shop {
    pub(crate) name: String,
    pub(crate) city: String,
    pub(crate) merchant_id: MerchantId,
    pub(crate) merchant_key: String,
    pub(crate) terminal_id: TerminalId,
    pub(crate) terminal_key: DeviceKey,
}

pub(crate) struct Person {
    pub(crate) name: String,
    /// The folder of the photographs.
    pub(crate) face: String,
    pub(crate) phone: PhoneNumber,
    pub(crate) pin: String,
    pub(crate) home: Place,
    pub(crate) payer_id: PayerId,
    pub(crate) device_key: String,
}

/// What a person has, to see whether it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) balances: Vec<Amount>,
    pub(crate) payments: usize,
}

/// One person before one terminal, wanting to pay one order.
pub(crate) struct Attempt {
    pub(crate) shop: String,
    pub(crate) order: OrderView,
    pub(crate) session: NewSessionReply,
    pub(crate) capture: Capture,
    pub(crate) stage: Stage,
    /// Everybody's standing before.
    pub(crate) before: BTreeMap<String, Standing>,
}

/// A disputed debit.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) dispute_id: DisputeId,
    pub(crate) payer: String,
    pub(crate) amount: Amount,
    pub(crate) disowned: Instant,
}

/// Something done to see whether it is refused.
pub(crate) struct Tried {
    pub(crate) what: String,
    /// None: it went through.
    pub(crate) refusal: Option<Problem>,
}

pub(crate) struct World<'a> {
    pub(crate) settings: &'a Settings,
    folder: PathBuf,
    database: Option<String>,
    starts: u32,
    server: Option<(Server, Client)>,
    /// The key of somebody of staff with every role but administrator; good until long after the story.
    staff_key: Option<String>,
    /// The rules in force.
    policy: String,
    transfers: u128,
    orders: u32,
    shops: BTreeMap<String, Shop>,
    people: BTreeMap<String, Person>,
    /// The pictures, of whoever stands there, that a terminal takes.
    pub(crate) looks: Vec<String>,
    pub(crate) attempt: Option<Attempt>,
    /// When it was opened.
    pub(crate) opened: Option<Instant>,
    /// What was sent in the attempt before.
    pub(crate) former: Option<Capture>,
    /// How many pictures were made that nobody sent before.
    pub(crate) grain: u32,
    /// The frames of the attempt before that one.
    pub(crate) frames_before: Vec<String>,
    /// What the till shows last.
    pub(crate) code: Option<String>,
    pub(crate) debit: Option<PaymentId>,
    pub(crate) case: Option<Case>,
    pub(crate) tries: Vec<Tried>,
}

impl<'a> World<'a> {
    pub(crate) fn new(settings: &'a Settings, number: usize) -> Result<Self> {
        let folder = settings.folder.join(format!("scenario-{number}"));
        if folder.exists() {
            bail!("{} is there already: a story needs a folder of its own", folder.display());
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let database = settings.new_database.map(|new| new()).transpose()?;
        Ok(Self {
            settings,
            folder,
            database,
            starts: 0,
            server: None,
            staff_key: None,
            policy: String::new(),
            transfers: 0,
            orders: 0,
            shops: BTreeMap::new(),
            people: BTreeMap::new(),
            looks: Vec::new(),
            attempt: None,
            opened: None,
            former: None,
            grain: 0,
            frames_before: Vec::new(),
            code: None,
            debit: None,
            case: None,
            tries: Vec::new(),
        })
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The PostgreSQL database, if it is one.
    pub(crate) fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// Puts synthetic accounts where the server will find them. In SQLite they are made once a story and copied for
    /// each scenario. Returns how long that took.
    pub(crate) fn seed(&self, accounts: u32) -> Result<Duration> {
        let begun = Instant::now();
        let (surety, models) = (&self.settings.surety, &self.settings.models);
        if self.database.is_some() {
            server::seed(surety, (&self.data(), self.database()), models, accounts)?;
            return Ok(begun.elapsed());
        }
        let seeded = self.settings.folder.join(format!("seeded-{accounts}"));
        if !seeded.exists() {
            server::seed(surety, (&seeded, None), models, accounts)?;
        }
        copy_folder(&seeded, &self.data())?;
        Ok(begun.elapsed())
    }

    pub(crate) fn policy(&self) -> &str {
        &self.policy
    }

    /// Starts the server under a policy file; stops it first where it is running. Returns how long that took.
    pub(crate) fn start(&mut self, policy: &str) -> Result<Duration> {
        self.server = None;
        self.starts += 1;
        policy.clone_into(&mut self.policy);
        let policy = self.settings.policies.join(policy);
        if !policy.is_file() {
            bail!("there is no policy {}", policy.display());
        }
        let begun = Instant::now();
        let server = Server::start(&Start {
            surety: self.settings.surety.clone(),
            data: self.data(),
            database: self.database.clone(),
            models: self.settings.models.clone(),
            policy: Some(policy),
            push_gateway: None,
            master_keys: None,
            sms: Sms::Spool,
            listen: self.settings.listen.clone(),
            more: Vec::new(),
            log: self.folder.join(format!("server-{}.log", self.starts)),
            log_filter: None,
        })?;
        let client = server.client();
        if self.staff_key.is_none() {
            let admin = client.with_key(server.admin_key());
            let roles = StaffRoles::all() - StaffRole::Administrator;
            let staff = people::staff(&admin, "li.na", roles).context("making somebody of staff")?;
            self.staff_key = staff.key().map(str::to_owned);
        }
        self.server = Some((server, client));
        Ok(begun.elapsed())
    }

    /// Ends the server without warning.
    pub(crate) fn cut_power(&mut self) -> Result<()> {
        let (server, _) = self.server.take().context("no platform is running yet")?;
        server.cut_power()
    }

    pub(crate) fn log_tail(&self) -> String {
        self.server.as_ref().map(|(server, _)| server.log_tail()).unwrap_or_default()
    }

    pub(crate) fn into_server(self) -> Option<Server> {
        self.server.map(|(server, _)| server)
    }

    pub(crate) fn addresses(&self) -> Vec<Address> {
        let admin = self.server.iter().map(|(server, _)| Address {
            role: "admin",
            name: "the first administrator".to_owned(),
            credential: Credential::Bearer(server.admin_key().to_owned()),
        });
        let staff = self.staff_key.iter().map(|key| Address {
            role: "staff",
            name: "the operator's staff".to_owned(),
            credential: Credential::Bearer(key.clone()),
        });
        let shops = self.shops.values().flat_map(|shop| {
            [
                ("merchant", Credential::Bearer(shop.merchant_key.clone())),
                (
                    "terminal",
                    Credential::Device(Box::new(Device {
                        terminal_id: shop.terminal_id,
                        key: shop.terminal_key.clone(),
                    })),
                ),
            ]
            .map(|(role, credential)| Address { role, name: shop.name.clone(), credential })
        });
        let people = self.people.values().map(|person| Address {
            role: "payer",
            name: person.name.clone(),
            credential: Credential::Bearer(person.device_key.clone()),
        });
        admin.chain(staff).chain(shops).chain(people).collect()
    }

    // Who calls.

    pub(crate) fn anybody(&self) -> Result<&Client> {
        let (_, client) = self.server.as_ref().context("no platform is running yet")?;
        Ok(client)
    }

    pub(crate) fn phones(&self) -> Result<Phones> {
        let (server, _) = self.server.as_ref().context("no platform is running yet")?;
        Ok(server.phones())
    }

    pub(crate) fn staff(&self) -> Result<Client> {
        let key = self.staff_key.as_ref().context("no platform is running yet")?;
        Ok(self.anybody()?.with_key(key))
    }

    pub(crate) fn merchant(&self, shop: &str) -> Result<Client> {
        Ok(self.anybody()?.with_key(&self.shop(shop)?.merchant_key))
    }

    pub(crate) fn terminal(&self, shop: &str) -> Result<Client> {
        Ok(self.anybody()?.with_signature(self.shop(shop)?.terminal_key.clone()))
    }

    pub(crate) fn phone_of(&self, person: &str) -> Result<Client> {
        Ok(self.anybody()?.with_key(&self.person(person)?.device_key))
    }

    // Who is known.

    pub(crate) fn shop(&self, name: &str) -> Result<&Shop> {
        self.shops.get(name).with_context(|| format!("no shop is called {name:?}"))
    }

    pub(crate) fn person(&self, name: &str) -> Result<&Person> {
        self.people.get(name).with_context(|| format!("nobody is called {name:?}"))
    }

    /// The photograph folders of everybody known.
    pub(crate) fn faces(&self) -> impl Iterator<Item = &str> {
        self.people.values().map(|person| person.face.as_str())
    }

    pub(crate) fn add_shop(&mut self, shop: Shop) {
        self.shops.insert(shop.name.clone(), shop);
    }

    pub(crate) fn add_person(&mut self, person: Person) {
        self.people.insert(person.name.clone(), person);
    }

    pub(crate) fn attempt(&self) -> Result<&Attempt> {
        self.attempt.as_ref().context("nobody wanted to pay yet")
    }

    pub(crate) fn case(&self) -> Result<Case> {
        self.case.clone().context("no debit was disowned yet")
    }

    /// Everybody's standing, by name.
    pub(crate) fn standings(&self) -> Result<BTreeMap<String, Standing>> {
        let mut standings = BTreeMap::new();
        for name in self.people.keys() {
            let phone = self.phone_of(name)?;
            let view: PayerView = phone.get("/v1/me")?;
            let list: PaymentList = phone.get("/v1/me/payments")?;
            let standing = Standing { balances: view.balances, payments: list.payments.len() };
            standings.insert(name.clone(), standing);
        }
        Ok(standings)
    }

    /// The photographs of a face, as a camera would take them now.
    pub(crate) fn pictures(&self, face: &str, names: &[String]) -> Result<Vec<String>> {
        let read = |name: &String| {
            let path = self.settings.samples.join(face).join(format!("{name}.jpg"));
            let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok(retaken(&STANDARD.encode(bytes)))
        };
        names.iter().map(read).collect()
    }

    // Numbers that nobody used before in this scenario.

    pub(crate) fn next_transfer(&mut self) -> TransferId {
        self.transfers += 1;
        TransferId::from_bits(self.transfers)
    }

    pub(crate) fn next_trade_no(&mut self) -> String {
        self.orders += 1;
        format!("{:06}", self.orders)
    }

    /// Notes what became of something that should be refused. Returns what to tell.
    pub(crate) fn note<T>(&mut self, what: &str, result: Result<T, CallError>) -> Result<String> {
        let (told, refusal) = match result {
            Ok(_) => (format!("{what}: went through"), None),
            Err(CallError::Problem(problem)) => {
                (format!("{what}: {} {}, {}", problem.status, problem.code, problem.detail), Some(problem))
            }
            Err(CallError::Transport(error)) => return Err(error),
        };
        self.tries.push(Tried { what: what.to_owned(), refusal });
        Ok(told)
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let context = || format!("cannot copy {} to {}", from.display(), to.display());
    fs::create_dir_all(to).with_context(context)?;
    for entry in fs::read_dir(from).with_context(context)? {
        let entry = entry.with_context(context)?;
        let target = to.join(entry.file_name());
        if entry.file_type().with_context(context)?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target).with_context(context)?;
        }
    }
    Ok(())
}
