//! Merchants.

use anyhow::Result;
use evidence::WrappedKey;
use types::{MerchantId, Timestamp};

use crate::Tx;
use crate::value::{Row, Value, text};

/// A shop, canteen or line that is paid.
#[derive(Clone, Debug, PartialEq)]
pub struct MerchantRow {
    /// Its id.
    pub id: MerchantId,
    /// The name payers read.
    pub name: String,
    /// Where it does business.
    pub city: String,
    /// Whole days between a payment's business day and its settlement: the n of T+n.
    pub settle_after_days: u32,
    /// The operator's fee, in basis points of what the merchant keeps.
    pub fee_bps: u32,
    /// Where its webhooks go, and the sealed secret they are signed with.
    pub webhook: Option<WebhookRow>,
    /// Since when.
    pub created_at: Timestamp,
}

/// Where webhooks go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRow {
    /// The address.
    pub url: String,
    /// The signing secret, sealed.
    pub secret_sealed: Vec<u8>,
    /// What it is sealed under; none for a value of the first version, which carries its own.
    pub key: Option<WrappedKey>,
}

impl Tx<'_> {
    /// Adds a merchant.
    ///
    /// # Errors
    /// The database fails.
    pub fn insert_merchant(&self, row: &MerchantRow) -> Result<()> {
        self.execute_one(
            "INSERT INTO merchants (id, name, city, created_at, settle_after_days, fee_bps, webhook_url,
                                    webhook_secret_sealed, webhook_key, webhook_generation)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            &[
                text(row.id),
                row.name.as_str().into(),
                row.city.as_str().into(),
                row.created_at.into(),
                row.settle_after_days.into(),
                row.fee_bps.into(),
                row.webhook.as_ref().map(|webhook| webhook.url.as_str()).into(),
                row.webhook.as_ref().map(|webhook| webhook.secret_sealed.as_slice()).into(),
                webhook_key(row).map(|key| key.bytes.as_slice()).into(),
                webhook_key(row).map_or(Value::Null, |key| text(key.generation)),
            ],
        )
    }

    /// Writes what can change about a merchant: terms and webhook.
    ///
    /// # Errors
    /// The database fails.
    pub fn update_merchant(&self, row: &MerchantRow) -> Result<()> {
        self.execute_one(
            "UPDATE merchants SET settle_after_days = ?2, fee_bps = ?3, webhook_url = ?4, webhook_secret_sealed = ?5,
                                  webhook_key = ?6, webhook_generation = ?7
             WHERE id = ?1",
            &[
                text(row.id),
                row.settle_after_days.into(),
                row.fee_bps.into(),
                row.webhook.as_ref().map(|webhook| webhook.url.as_str()).into(),
                row.webhook.as_ref().map(|webhook| webhook.secret_sealed.as_slice()).into(),
                webhook_key(row).map(|key| key.bytes.as_slice()).into(),
                webhook_key(row).map_or(Value::Null, |key| text(key.generation)),
            ],
        )
    }

    /// The merchant, if there is one.
    ///
    /// # Errors
    /// The database fails.
    pub fn merchant(&self, id: MerchantId) -> Result<Option<MerchantRow>> {
        self.first("SELECT * FROM merchants WHERE id = ?1", &[text(id)], read_merchant)
    }

    /// The merchant, if there is one, which nobody else changes before this transaction ends: who holds it decides
    /// about the merchant's keys.
    ///
    /// # Errors
    /// The database fails.
    pub fn merchant_locked(&self, id: MerchantId) -> Result<Option<MerchantRow>> {
        self.first_locked("SELECT * FROM merchants WHERE id = ?1", &[text(id)], read_merchant)
    }

    /// Every merchant, oldest first.
    ///
    /// # Errors
    /// The database fails.
    pub fn merchants(&self) -> Result<Vec<MerchantRow>> {
        self.all("SELECT * FROM merchants ORDER BY created_at, id", &[], read_merchant)
    }
}

fn webhook_key(row: &MerchantRow) -> Option<&WrappedKey> {
    row.webhook.as_ref().and_then(|webhook| webhook.key.as_ref())
}

fn read_merchant(row: &Row<'_>) -> Result<MerchantRow> {
    let webhook = match (row.optional_string("webhook_url")?, row.optional_blob("webhook_secret_sealed")?) {
        (Some(url), Some(secret_sealed)) => {
            let key = row.wrapped_key("webhook_key", "webhook_generation")?;
            Some(WebhookRow { url, secret_sealed, key })
        }
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            anyhow::bail!("columns webhook_url and webhook_secret_sealed disagree")
        }
    };
    Ok(MerchantRow {
        id: row.parse("id")?,
        name: row.string("name")?,
        city: row.string("city")?,
        settle_after_days: row.count("settle_after_days")?,
        fee_bps: row.count("fee_bps")?,
        webhook,
        created_at: row.time("created_at")?,
    })
}
