//! The operator's side: starting, rules, shops, the reserve, the books.

use std::fs;

use anyhow::{Context, Result, bail};
use api::{Funding, NewMerchant, NewMerchantReply, NewTerminal};
use types::{Amount, GeoPoint, Place};

use super::tell;
use crate::pattern::{Args, Row, say, say_all};
use crate::world::{Shop, World};
use crate::{onboard, server};

/// The rules a platform starts with.
const FIRST_RULES: &str = "default.toml";

pub(super) fn seeded(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let accounts = world.settings.accounts_override.map_or_else(|| args.number(0), Ok)?;
    let seeded = world.seed(accounts)?;
    let started = world.start(FIRST_RULES)?;
    Ok(vec![
        format!("{accounts} synthetic accounts after {:.1} s", seeded.as_secs_f64()),
        format!(
            "The platform listens at {} after {:.1} s",
            world.anybody()?.base_url(),
            started.as_secs_f64()
        ),
    ])
}

pub(super) fn rules(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let policy = args.text(0);
    if world.policy() == policy {
        return Ok(tell("They are already"));
    }
    let took = world.start(policy)?;
    Ok(tell(format!("The platform was restarted with {policy} in {:.1} s", took.as_secs_f64())))
}

/// The rules of a file, but for the time a challenge may take.
pub(super) fn brief_rules(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let (policy, seconds) = (args.text(0), args.number(1)?);
    let text = fs::read_to_string(world.settings.policies.join(policy))?;
    let brief = text.replacen("\nseconds = 60\n", &format!("\nseconds = {seconds}\n"), 1);
    if brief == text {
        bail!("{policy} does not say how long a challenge may take");
    }
    let path = world.data().with_file_name(format!("brief-{policy}"));
    fs::write(&path, brief)?;
    let took = world.start(path.to_str().context("the folder has a name that is no text")?)?;
    Ok(tell(format!("The platform was restarted in {:.1} s", took.as_secs_f64())))
}

pub(super) fn power_cut(world: &mut World<'_>, _args: &Args<'_>) -> Result<Vec<String>> {
    let policy = world.policy().to_owned();
    world.cut_power()?;
    let took = world.start(&policy)?;
    Ok(tell(format!("Killed without warning; it listens again after {:.1} s", took.as_secs_f64())))
}

/// The columns `city`, `address`, `latitude` and `longitude`.
pub(super) fn place(row: &Row<'_>) -> Result<Place> {
    let point = GeoPoint::new(row.get("latitude")?.parse()?, row.get("longitude")?.parse()?)?;
    Ok(Place { city: row.get("city")?.to_owned(), address: row.get("address")?.to_owned(), point })
}

pub(super) fn shops(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let staff = world.staff()?;
    let mut told = Vec::new();
    for row in args.rows()? {
        let (name, place) = (row.get("shop")?.to_owned(), place(&row)?);
        let city = place.city.clone();
        let merchant: NewMerchantReply =
            staff.post("/v1/merchants", &NewMerchant { name: name.clone(), city: city.clone() })?;
        let terminal =
            onboard(&staff, merchant.merchant_id, &NewTerminal { label: "till 1".to_owned(), place })?;
        told.push(format!("{name} in {city}, with terminal {}", terminal.terminal_id));
        world.add_shop(Shop {
            name,
            city,
            merchant_id: merchant.merchant_id,
            merchant_key: merchant.api_key,
            terminal_id: terminal.terminal_id,
            terminal_key: terminal.key,
        });
    }
    Ok(told)
}

pub(super) fn fund_reserve(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let funding = Funding { transfer_id: world.next_transfer(), amount: args.yuan(0)? };
    let balance: Amount = world.staff()?.post("/v1/reserve/fundings", &funding)?;
    Ok(tell(format!("The reserve holds {}", say(balance))))
}

pub(super) fn reserve_holds(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let expected = args.yuan(0)?;
    let found: Vec<Amount> = world.staff()?.get("/v1/reserve")?;
    if found != [expected] {
        bail!("expected {}, found {}", say(expected), say_all(&found));
    }
    Ok(Vec::new())
}

pub(super) fn books_are_right(world: &mut World<'_>, _args: &Args<'_>) -> Result<Vec<String>> {
    let table = server::verify(&world.settings.surety, &world.data(), world.database())?;
    Ok(table.lines().map(str::to_owned).collect())
}
