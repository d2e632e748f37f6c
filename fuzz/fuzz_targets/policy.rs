//! A policy that an operator wrote: what is taken, is written and taken again the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use risk::Policy;

fuzz_target!(|text: &str| {
    let Ok(policy) = Policy::parse(text) else { return };
    let written = toml::to_string(&policy).expect("a policy can be written");
    let again = Policy::parse(&written).expect("what was written is a policy");
    assert!(again == policy, "{policy:?} was written as {again:?}");
});
