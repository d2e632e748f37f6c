//! What says nothing about a person.

use super::NotPersonal;

/// Every column that is not in the register, with the reason.
pub const NOT_PERSONAL: &[NotPersonal] = &[
    NotPersonal {
        table: "merchants",
        columns: "id name city created_at settle_after_days fee_bps webhook_url webhook_secret_sealed webhook_key \
                  webhook_generation",
        why: "a business, as its customers know it, and its terms",
    },
    NotPersonal {
        table: "terminals",
        columns: "id merchant_id label city address latitude longitude created_at state reason serial",
        why: "a device at a shop's address",
    },
    NotPersonal {
        table: "terminal_places",
        columns: "terminal_id from_at until_at city address latitude longitude",
        why: "where a shop's device stood",
    },
    NotPersonal {
        table: "terminal_relocations",
        columns: "id terminal_id city address latitude longitude reason state proposed_at decided_at",
        why: "where a shop's device is to stand; who proposed and decided it stands in the register",
    },
    NotPersonal {
        table: "terminal_codes",
        columns: "terminal_id code_hash expires_at",
        why: "a fingerprint of the code that brings a device in",
    },
    NotPersonal {
        table: "signature_nonces",
        columns: "key_id nonce until_at",
        why: "random numbers, for minutes",
    },
    NotPersonal {
        table: "terminal_watches",
        columns: "key_id terminal_id counter state at",
        why: "the counters a shop's device used, where it was, and from which networks it sent",
    },
    NotPersonal {
        table: "alerts",
        columns: "id kind state at last_at times terminal_id merchant_id session_id facts",
        why: "what stood out at a shop's device; the account it is about stands in the register",
    },
    NotPersonal {
        table: "reversed_numbers",
        columns: "merchant_id out_trade_no at",
        why: "a merchant's own numbers of orders that never came",
    },
    NotPersonal {
        table: "settlements",
        columns: "id merchant_id date currency state payments net_minor fee_minor repaid_minor settled_minor started_at \
                  completed_at payout_id",
        why: "sums of a merchant's day",
    },
    NotPersonal { table: "policies", columns: "digest text first_used_at", why: "the operator's rules" },
    NotPersonal {
        table: "drift_watches",
        columns: "calibration cohort state begun_at alarmed_at",
        why: "counts of a calibration's payments",
    },
    NotPersonal {
        table: "installation",
        columns: "name value generation",
        why: "marks of the installation as a whole, and its wrapped keys",
    },
    NotPersonal {
        table: "master_generations",
        columns: "seq id announced_at",
        why: "fingerprints of the master key's generations",
    },
    NotPersonal {
        table: "gallery_jobs",
        columns: "name purpose reached done left_out wanted started_at finished_at",
        why: "how far a work through all faces is; reached is the id of the last one, as it stands in many tables",
    },
    NotPersonal {
        table: "calibrations",
        columns: "id content first_used_at",
        why: "what scores mean, from counts",
    },
];
