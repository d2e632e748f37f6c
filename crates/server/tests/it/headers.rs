//! Every answer, also a refusal and a file, carries the headers that keep browsers and proxies quiet.

use scenario::Server;

use crate::fixture::{models, start};

const WANTED: [(&str, &str); 9] = [
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-permitted-cross-domain-policies", "none"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

#[test]
fn every_answer_is_hardened() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&start(folder.path(), &models())).unwrap();
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    for (path, status) in [
        ("/health", 200),
        ("/openapi.json", 200),
        ("/metrics", 200),
        ("/v1/me", 401),
        ("/v1/orders?out_trade_no=1", 401),
        ("/nowhere", 404),
    ] {
        let answer = agent.get(format!("{}{path}", server.base_url())).call().unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
        for (name, value) in WANTED {
            let found = answer.headers().get(name).map(|found| found.to_str().unwrap());
            assert_eq!(found, Some(value), "{name} of {path}");
        }
        let features = answer.headers()["permissions-policy"].to_str().unwrap();
        assert!(features.contains("camera=()") && features.contains("payment=()"), "{path}: {features}");
        assert_eq!(answer.headers().get("strict-transport-security"), None, "{path}: this is no TLS");
    }
}
