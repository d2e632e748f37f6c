//! A server with a shop, its tills, and people who pay there.

use std::path::Path;

use api::{
    ConfirmEnrolment, Consent, ConsentText, EnrolmentView, Funding, Language, MessageList, NewEnrolment,
    NewMerchant, NewMerchantReply, NewTerminal,
};
use scenario::NewHolder;
use types::{Date, GeoPoint, Place, StaffRole, StaffRoles, TransferId};

use super::*;

/// Of the sample people, those who are nobody's look-alikes: nobody is asked for a PIN.
const PEOPLE: [&str; 6] = ["P001", "P003", "P005", "P007", "P008", "P009"];
const ENROLLED_WITH: [&str; 3] = ["studio_portrait", "studio_posture", "amateur_posture"];

impl Load {
    pub(super) fn open(&self, folder: &Path) -> Result<Market> {
        let surety = std::env::current_exe().context("finding this program")?;
        let start = Start {
            surety: surety.clone(),
            data: folder.join("data"),
            database: None,
            models: self.models.clone(),
            policy: None,
            push_gateway: None,
            master_keys: None,
            sms: Sms::Spool,
            listen: "127.0.0.1:0".to_owned(),
            more: Vec::new(),
            log: folder.join("server.log"),
            log_filter: None,
        };
        scenario::seed(&surety, (&start.data, None), &self.models, self.accounts)?;
        let server = Server::start(&start)?;
        let anybody = server.client();
        let admin = anybody.with_key(server.admin_key());
        let staff = scenario::staff(&admin, "bench", StaffRoles::all() - StaffRole::Administrator)?;
        let shop = NewMerchant { name: "Market Hall".to_owned(), city: "Hangzhou".to_owned() };
        let shop: NewMerchantReply = staff.post("/v1/merchants", &shop)?;
        let mut tills = Vec::new();
        for number in 1..=TILLS {
            let new = NewTerminal { label: format!("till {number}"), place: here()? };
            let till = onboard(&staff, shop.merchant_id, &new)?;
            tills.push((till.terminal_id, anybody.with_signature(till.key)));
        }
        let mut people = Vec::new();
        for (number, name) in (0_u32..).zip(PEOPLE) {
            let pictures = |names: &[&str]| {
                let path = |look: &&str| self.samples.join(name).join(format!("{look}.jpg"));
                names
                    .iter()
                    .map(|look| Ok(STANDARD.encode(read_picture(&path(look))?)))
                    .collect::<Result<Vec<_>>>()
            };
            enrol(&server, (&anybody, &staff), number, pictures(&ENROLLED_WITH)?)?;
            people.push(pictures(&PAID_WITH)?);
        }
        let merchant = anybody.with_key(&shop.api_key);
        Ok(Market { server, merchant, tills, people, next: AtomicU32::new(0) })
    }
}

impl Market {
    /// The books are right.
    pub(super) fn close(self, folder: &Path) -> Result<()> {
        let surety = std::env::current_exe().context("finding this program")?;
        drop(self.server);
        let told = scenario::verify(&surety, &folder.join("data"), None)?;
        ensure!(!told.contains("WRONG"), "the books are wrong:\n{told}");
        say("`surety verify`: the books are right")
    }
}

fn here() -> Result<Place> {
    let point = GeoPoint::new(30.2460, 120.1551).map_err(anyhow::Error::new)?;
    Ok(Place { city: "Hangzhou".to_owned(), address: "5 West Lake Road".to_owned(), point })
}

/// Somebody with 500 yuan and an enrolled face.
fn enrol(
    server: &Server,
    (anybody, staff): (&Client, &Client),
    number: u32,
    frames: Vec<String>,
) -> Result<()> {
    let holder = NewHolder {
        name: format!("Somebody {number}"),
        phone: format!("+861340007{:04}", 1184 + 7 * number).parse().map_err(anyhow::Error::new)?,
        birth_date: Date::constant(1987, 6, 23),
        pin: "762409".to_owned(),
        language: Language::En,
        home: here()?,
    };
    let person = server.phones().register(anybody, &holder)?;
    let top_up = Funding {
        transfer_id: TransferId::from_bits(u128::from(number) + 1),
        amount: Amount::new(50_000, Currency::CNY),
    };
    let _: Amount = staff.post(&format!("/v1/payers/{}/top-ups", person.payer_id), &top_up)?;
    let phone = anybody.with_key(&person.device_key);
    let text: ConsentText = phone.get("/v1/consent-text")?;
    let _: serde_json::Value = phone.post("/v1/me/consent", &Consent { version: text.version })?;
    let enrolment: EnrolmentView = phone.post("/v1/me/enrolments", &NewEnrolment { frames })?;
    let inbox: MessageList = phone.get("/v1/me/messages")?;
    let message = inbox.messages.into_iter().find(|message| message.kind == "enrolment_code");
    let code = message.and_then(|message| message.value).context("no code came")?;
    let confirm = ConfirmEnrolment { code, pin: None, passkey: None };
    let path = format!("/v1/me/enrolments/{}/confirm", enrolment.enrolment_id);
    let _: EnrolmentView = phone.post(&path, &confirm)?;
    Ok(())
}
