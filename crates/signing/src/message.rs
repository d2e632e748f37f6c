//! The signature's input and base, as RFC 9421 section 2 says; no rules of ours about what must be in them.

use std::borrow::Cow;
use std::fmt::Write as _;

use sfv::{
    BareItem, Dictionary, FieldType as _, InnerList, Item, Key, KeyRef, List, ListEntry, Parser, StringRef,
};

use crate::request::Parts;
use crate::rules::Refusal;

/// More would be of no use; fewer would leave no room for what libraries cover by habit.
const COMPONENTS_MAX: usize = 16;
/// More than any right signature needs.
const FIELD_BYTES_MAX: usize = 2_048;
const LABEL: &str = "sig1";

/// One signature's input: what it covers, in order, and its parameters.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    label: Key,
    list: InnerList,
}

/// The parameters that we write.
pub(crate) struct Params<'a> {
    pub(crate) created: i64,
    pub(crate) key_id: &'a str,
    pub(crate) nonce: &'a str,
}

/// What a signature of ours covers, in our order.
pub(crate) fn covered(parts: &Parts<'_>) -> Vec<&'static str> {
    let mut names = vec!["@method", "@authority", "@path"];
    if parts.query.is_some() {
        names.push("@query");
    }
    if parts.headers.iter().any(|(name, _)| *name == "content-digest") {
        names.push("content-digest");
    }
    names
}

/// Host and port as RFC 9421 section 2.2.3 wants them: lower case, without a default port.
pub(crate) fn normal_authority(authority: &str) -> String {
    let lower = authority.to_ascii_lowercase();
    let bare = lower.strip_suffix(":443").or_else(|| lower.strip_suffix(":80"));
    bare.unwrap_or(&lower).to_owned()
}

impl Input {
    pub(crate) fn new(names: &[&'static str], params: &Params<'_>) -> Self {
        let text = |text: &str| {
            BareItem::String(StringRef::from_str(text).expect("ids and nonces are ASCII").to_owned())
        };
        let created = params.created.clamp(0, 999_999_999_999_999);
        let created = sfv::Integer::try_from(created).expect("clamped to fifteen digits");
        let key = |name| KeyRef::constant(name).to_owned();
        let parameters = [
            (key("created"), BareItem::Integer(created)),
            (key("keyid"), text(params.key_id)),
            (key("alg"), text("ed25519")),
            (key("nonce"), text(params.nonce)),
        ];
        let items = names.iter().map(|name| Item::new(text(name))).collect();
        Self { label: key(LABEL), list: InnerList::with_params(items, parameters.into_iter().collect()) }
    }

    /// Both fields of a signature: exactly one, under one label, in canonical form.
    pub(crate) fn parse(input: &str, signature: &str) -> Result<(Self, [u8; 64]), Refusal> {
        if input.len().max(signature.len()) > FIELD_BYTES_MAX {
            return Err(Refusal::Malformed("Signature-Input and Signature hold at most 2,048 bytes each"));
        }
        let (label, entry) = only(input, "Signature-Input is no canonical dictionary of one member")?;
        let (named, value) = only(signature, "Signature is no canonical dictionary of one member")?;
        if label != named {
            return Err(Refusal::Malformed("Signature and Signature-Input have different labels"));
        }
        let ListEntry::InnerList(list) = entry else {
            return Err(Refusal::Malformed("Signature-Input lists no components"));
        };
        let ListEntry::Item(Item { bare_item: BareItem::ByteSequence(bytes), params }) = value else {
            return Err(Refusal::Malformed("Signature is no byte sequence"));
        };
        match <[u8; 64]>::try_from(bytes.as_slice()) {
            Ok(bytes) if params.is_empty() => Ok((Self { label, list }, bytes)),
            Ok(_) | Err(_) => Err(Refusal::Malformed("Signature is not 64 bytes without parameters")),
        }
    }

    /// The names of what is covered. Parameters of components are none of ours.
    pub(crate) fn names(&self) -> Result<Vec<&str>, Refusal> {
        if self.list.items.len() > COMPONENTS_MAX {
            return Err(Refusal::Components("cover at most 16 components"));
        }
        let mut names = Vec::new();
        for item in &self.list.items {
            let BareItem::String(name) = &item.bare_item else {
                return Err(Refusal::Malformed("the name of a component is a string"));
            };
            if !item.params.is_empty() {
                return Err(Refusal::Components("components take no parameters here"));
            }
            if names.contains(&name.as_str()) {
                return Err(Refusal::Components("a component is covered twice"));
            }
            names.push(name.as_str());
        }
        Ok(names)
    }

    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&str, &BareItem)> {
        self.list.params.iter().map(|(name, value)| (name.as_str(), value))
    }

    pub(crate) fn to_field(&self) -> String {
        let list = ListEntry::InnerList(self.list.clone());
        let field = Dictionary::from_iter([(self.label.clone(), list)]);
        field.serialize().expect("a dictionary of one is not empty")
    }

    pub(crate) fn signature_field(signature: &[u8; 64]) -> String {
        let value = ListEntry::Item(Item::new(BareItem::ByteSequence(signature.to_vec())));
        let field = Dictionary::from_iter([(KeyRef::constant(LABEL).to_owned(), value)]);
        field.serialize().expect("a dictionary of one is not empty")
    }

    /// The value of `@signature-params`.
    fn value(&self) -> String {
        let list: List = vec![ListEntry::InnerList(self.list.clone())];
        list.serialize().expect("a list of one is not empty")
    }
}

/// The only member of a dictionary. What `sfv` would write otherwise than it came is refused: it was not canonical,
/// or a name came twice.
fn only(field: &str, what: &'static str) -> Result<(Key, ListEntry), Refusal> {
    let Ok(members) = Parser::new(field).parse::<Dictionary>() else { return Err(Refusal::Malformed(what)) };
    if members.len() != 1 || members.serialize().as_deref() != Some(field) {
        return Err(Refusal::Malformed(what));
    }
    members.into_iter().next().ok_or(Refusal::Malformed(what))
}

/// The bytes that are signed (RFC 9421 section 2.5).
pub(crate) fn base(parts: &Parts<'_>, input: &Input) -> Result<String, Refusal> {
    let mut base = String::new();
    for name in input.names()? {
        let value = component(parts, name)?;
        writeln!(base, "\"{name}\": {value}").expect("a string takes everything");
    }
    write!(base, "\"@signature-params\": {}", input.value()).expect("a string takes everything");
    Ok(base)
}

fn component<'a>(parts: &Parts<'a>, name: &str) -> Result<Cow<'a, str>, Refusal> {
    Ok(match name {
        "@method" => parts.method.into(),
        "@authority" => normal_authority(parts.authority).into(),
        "@path" if parts.path.is_empty() => "/".into(),
        "@path" => parts.path.into(),
        "@query" => format!("?{}", parts.query.unwrap_or_default()).into(),
        name if name.starts_with('@') => {
            return Err(Refusal::Components(
                "only @method, @authority, @path and @query can be derived here",
            ));
        }
        name => {
            header(parts, name)?.ok_or(Refusal::Components("a header is covered that is not there"))?.into()
        }
    })
}

/// The one value of a header (RFC 9421 section 2.1, without its joining of several). Names are in lower case.
pub(crate) fn header<'a>(parts: &Parts<'a>, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut found = parts.headers.iter().filter(|(found, _)| *found == name);
    let Some((_, value)) = found.next() else { return Ok(None) };
    if found.next().is_some() {
        return Err(Refusal::Malformed("a header that belongs to the signature came twice"));
    }
    match std::str::from_utf8(value) {
        Ok(text) if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) => {
            Ok(Some(text.trim_matches(' ')))
        }
        Ok(_) | Err(_) => {
            Err(Refusal::Malformed("a header that belongs to the signature is not plain ASCII"))
        }
    }
}
