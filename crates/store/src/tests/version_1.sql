
INSERT INTO merchants VALUES ('#mer', 'Noodles', 'Hangzhou', 1);
INSERT INTO terminals VALUES ('#term', '#mer', 'till 1', 'Hangzhou', 'West Lake 1', 30.25, 120.125, 1, 1);
INSERT INTO api_keys VALUES ('#key', #bytes32, 'payer', '#payer', 1, NULL);
INSERT INTO api_keys VALUES ('#key2', #phone2, 'staff', 'operator', 1, NULL);
INSERT INTO payers VALUES ('#payer', #bytes, #phone, 'phc', 2, 5, 'zh', 'Hangzhou', 30.25, 120.125, 'enabled', 1);
INSERT INTO payers VALUES ('#payer2', #bytes, #phone2, NULL, 0, NULL, 'en', 'Hangzhou', 30.25, 120.125, 'none', 1);
INSERT INTO consents VALUES ('#con', '#payer', '2026-01', 1, NULL);
INSERT INTO enrolments VALUES ('#enr', '#payer', '#con', 'waiting', #bytes32, 1, #bytes, 3, '#digest', 1, 9);
INSERT INTO templates VALUES ('#payer', #bytes, 3, '#digest', 1);
INSERT INTO look_alikes VALUES ('#payer', '#payer2', 0.5, 1), ('#payer2', '#payer', 0.5, 1);
INSERT INTO messages (id, payer_id, at, kind, args, reference) VALUES ('#msg', '#payer', 6, 'debited', '{}', 'pay_1');
INSERT INTO traces VALUES ('#payer', 7, 30.25, 120.125);
INSERT INTO orders VALUES ('#ord', '#mer', '#term', 'A-1', 10000, 'CNY', 'soup', 'paid', 1, 9);
INSERT INTO orders VALUES ('#ord2', '#mer', '#term', 'A-2', 10000, 'CNY', 'soup', 'reversed', 1, 9);
INSERT INTO sessions VALUES ('#ses', '#ord', '#term', #bytes32, 'done', '{"stage":"done"}', 0, 1, 9);
INSERT INTO sessions VALUES ('#ses2', '#ord2', '#term', #bytes32, 'done', '{"stage":"done"}', 0, 1, 9);
INSERT INTO captures VALUES ('#cap', '#ses', 1, '[]', #bytes, '#digest');
INSERT INTO policies VALUES ('#digest', 'all', 1);
INSERT INTO decisions VALUES ('#ses', 0, 1, '#digest', 'c', '{}', '{}', '"approve"');
INSERT INTO confirmations VALUES ('#cnf', '#payer', '#ses', 'yes', 1);
INSERT INTO payments VALUES
    ('#pay', '#ord', '#ses', '#payer', '#mer', '#term', 10000, 'CNY', 'pending', 1, 0, '"face"', '#tr', 2000),
    ('#pay2', '#ord2', '#ses2', '#payer', '#mer', '#term', 10000, 'CNY', 'reversed', 0, 1, '"face"', '#tr2', 3000);
INSERT INTO balances VALUES ('payer:#payer', 'CNY', 500, 0), ('external', 'CNY', -500, 0);
INSERT INTO entries (id, kind, hold_id, from_account, to_account, minor, currency, purpose, expires_at, at) VALUES
    ('#tr', 'moved', NULL, 'external', 'payer:#payer', 500, 'CNY', '{"why":"top_up"}', NULL, 1),
    ('#tr2', 'held', NULL, 'payer:#payer', 'reserve', 5, 'CNY', '{"why":"top_up"}', 9, 1),
    ('tr_00000000000000000000000000000003', 'voided', '#tr2', NULL, NULL, NULL, NULL, NULL, NULL, 1);
INSERT INTO disputes VALUES ('#dis', '#pay', '#payer', '#mer', '#term', '#dispute', 3, 5);
INSERT INTO dispute_evidence VALUES ('#dis', 0, 6, '#facts', '#assessment');
INSERT INTO events (id, subject, at, actor, body) VALUES ('#evt', 'pay_1', 1, 'surety', '{}');
INSERT INTO access_log (id, at, actor, subject, payer_id, purpose) VALUES ('#evt', 1, 'staff', 'dis_1', '#payer', 'look');
