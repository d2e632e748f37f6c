//! Payers and what they do on their own phones.

use anyhow::{Context, Result, bail};
use api::{
    ConfirmEnrolment, Consent, ConsentText, DeviceLocation, EnrolmentView, Face, Freeze, Funding, Language,
    Message, MessageList, NewEnrolment, PayerView, Unfreeze,
};
use types::{Amount, Date, PhoneNumber};

use super::{platform, tell};
use crate::pattern::{Args, Row, say, say_all};
use crate::world::{Person, World};
use crate::{CallError, NewHolder};

/// Everybody in a story is of age.
const BORN: Date = Date::constant(1987, 6, 23);

fn register(world: &mut World<'_>, row: &Row<'_>) -> Result<String> {
    let name = row.get("name")?.to_owned();
    let phone: PhoneNumber = row.get("phone")?.parse()?;
    let (pin, home) = (row.get("PIN")?.to_owned(), platform::place(row)?);
    let language = match row.get("reads")? {
        "Chinese" => Language::Zh,
        "English" => Language::En,
        other => bail!("nobody reads {other:?} here"),
    };
    let holder = NewHolder {
        name: name.clone(),
        phone: phone.clone(),
        birth_date: BORN,
        pin: pin.clone(),
        language,
        home: home.clone(),
    };
    let reply = world.phones()?.register(world.anybody()?, &holder)?;
    world.add_person(Person {
        name: name.clone(),
        face: row.get("face")?.to_owned(),
        phone,
        pin,
        home,
        payer_id: reply.payer_id,
        device_key: reply.device_key,
    });
    Ok(name)
}

pub(super) fn registered(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let mut told = Vec::new();
    for row in args.rows()? {
        told.push(format!("{} has an account; face payment is off", register(world, &row)?));
    }
    Ok(told)
}

pub(super) fn enrolled(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let pictures = [args.text(0).to_owned(), args.text(1).to_owned()];
    let mut told = Vec::new();
    for row in args.rows()? {
        let name = register(world, &row)?;
        agree(world, &name)?;
        enrol(world, &name, &pictures)?;
        let code = newest(world, &name, "enrolment_code")?.value.context("the message has no code")?;
        confirm(world, &name, &code)?;
        expect_face(world, &name, Face::Enabled)?;
        told.push(format!("{name}: two pictures and code {code} from the own phone; face payment is on"));
    }
    Ok(told)
}

fn agree(world: &World<'_>, name: &str) -> Result<String> {
    let text: ConsentText = world.anybody()?.get("/v1/consent-text")?;
    let consent = Consent { version: text.version.clone() };
    let _: serde_json::Value = world.phone_of(name)?.post("/v1/me/consent", &consent)?;
    Ok(text.version)
}

fn enrol(world: &World<'_>, name: &str, pictures: &[String]) -> Result<EnrolmentView, CallError> {
    let transport = CallError::Transport;
    let frames = world.person(name).and_then(|person| world.pictures(&person.face, pictures));
    let enrolment = NewEnrolment { frames: frames.map_err(transport)? };
    world.phone_of(name).map_err(transport)?.post("/v1/me/enrolments", &enrolment)
}

fn confirm(world: &World<'_>, name: &str, code: &str) -> Result<EnrolmentView, CallError> {
    let message = newest(world, name, "enrolment_code").map_err(CallError::Transport)?;
    let path = format!("/v1/me/enrolments/{}/confirm", message.reference);
    let phone = world.phone_of(name).map_err(CallError::Transport)?;
    phone.post(&path, &ConfirmEnrolment { code: code.to_owned(), pin: None, passkey: None })
}

/// The newest message of a kind on a person's own phone.
pub(super) fn newest(world: &World<'_>, name: &str, kind: &str) -> Result<Message> {
    let list: MessageList = world.phone_of(name)?.get("/v1/me/messages")?;
    let found = list.messages.into_iter().find(|message| message.kind == kind);
    found.with_context(|| format!("{name} got no message {kind}"))
}

pub(super) fn top_up(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let funding = Funding { transfer_id: world.next_transfer(), amount: args.yuan(1)? };
    let path = format!("/v1/payers/{}/top-ups", world.person(args.text(0))?.payer_id);
    let balance: Amount = world.staff()?.post(&path, &funding)?;
    Ok(tell(format!("{} has {}", args.text(0), say(balance))))
}

pub(super) fn has(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let (name, expected) = (args.text(0), args.yuan(1)?);
    let view: PayerView = world.phone_of(name)?.get("/v1/me")?;
    if view.balances != [expected] {
        bail!("expected {}, found {}", say(expected), say_all(&view.balances));
    }
    Ok(Vec::new())
}

pub(super) fn phone_at_home(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let name = args.text(0);
    let home = &world.person(name)?.home;
    let () = world.phone_of(name)?.post("/v1/me/device-location", &DeviceLocation { point: home.point })?;
    Ok(tell(format!("{name}'s phone: {}, {}", home.address, home.city)))
}

pub(super) fn consents(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let version = agree(world, args.text(0))?;
    Ok(tell(format!("{} agreed to version {version}", args.text(0))))
}

pub(super) fn sends_pictures(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let pictures = [args.text(1).to_owned(), args.text(2).to_owned()];
    world.tries.clear();
    let result = enrol(world, args.text(0), &pictures);
    Ok(tell(world.note("the pictures", result)?))
}

pub(super) fn confirms(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let name = args.text(0);
    let code = newest(world, name, "enrolment_code")?.value.context("the message has no code")?;
    world.tries.clear();
    let result = confirm(world, name, &code);
    Ok(tell(world.note(&format!("the code {code}"), result)?))
}

pub(super) fn confirms_wrongly(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let name = args.text(0);
    let right = newest(world, name, "enrolment_code")?.value.context("the message has no code")?;
    let wrong: String = right.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect();
    world.tries.clear();
    let mut told = Vec::new();
    for _ in 0..args.number(1)? {
        let result = confirm(world, name, &wrong);
        told.push(world.note(&format!("the code {wrong}"), result)?);
    }
    if let Some(tried) = world.tries.iter().find(|tried| tried.refusal.is_none()) {
        bail!("{} went through", tried.what);
    }
    Ok(told)
}

pub(super) fn withdraws(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let name = args.text(0);
    let _: serde_json::Value = world.phone_of(name)?.delete("/v1/me/consent")?;
    expect_face(world, name, Face::None)?;
    Ok(tell(format!("{name} withdrew; the template is gone")))
}

pub(super) fn freezes(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let name = args.text(0);
    let view: PayerView = world.phone_of(name)?.post("/v1/me/face/freeze", &Freeze {})?;
    if view.face != Face::Frozen {
        bail!("{name}'s face payment is {:?}, not frozen", view.face);
    }
    Ok(tell(format!("{name}'s face payment is frozen")))
}

pub(super) fn unfreezes(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let unfreeze = Unfreeze { pin: Some(args.text(1).to_owned()), passkey: None };
    world.tries.clear();
    let result = world.phone_of(args.text(0))?.post::<PayerView>("/v1/me/face/unfreeze", &unfreeze);
    Ok(tell(world.note("the PIN", result)?))
}

pub(super) fn face_is(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let face = match args.text(1) {
        "off" => Face::None,
        "on" => Face::Enabled,
        "frozen" => Face::Frozen,
        other => bail!("face payment is off, on or frozen, not {other:?}"),
    };
    expect_face(world, args.text(0), face)?;
    Ok(Vec::new())
}

fn expect_face(world: &World<'_>, name: &str, expected: Face) -> Result<()> {
    let view: PayerView = world.phone_of(name)?.get("/v1/me")?;
    if view.face != expected {
        bail!("{name}'s face payment is {:?}, not {expected:?}", view.face);
    }
    Ok(())
}

pub(super) fn told_of_stop(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let name = args.text(0);
    let message = newest(world, name, "payment_stopped")?;
    Ok(tell(format!("{name} reads: {}", message.text)))
}
