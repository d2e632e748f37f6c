//! The table itself.

use super::Held::{Columns, Files};
use super::{Entry, Words};

/// Every kind of processing of personal data.
pub const REGISTER: &[Entry] = &[
    ACCOUNT,
    PHONES,
    IDENTITY,
    GUARDIANS,
    FACE,
    CONSENT,
    CAPTURES,
    DECISIONS,
    ORDERS,
    PAYMENTS,
    MESSAGES,
    PLACES,
    DISPUTES,
    CREDENTIALS,
    PASSKEYS,
    USERS,
    RECORDS,
    ERASURES,
    KEYS,
];

const ACCOUNT: Entry = Entry {
    code: "account",
    held: &[Columns(
        "payers",
        "id contact_sealed phone_index pin_hash pin_failures pin_locked_until language home_city home_latitude \
         home_longitude face created_at contact_key contact_generation closed_at tier pin_locks pin_recovered_at",
    )],
    zh: Words {
        what: "付款人的姓名、手机号、出生日期、支付密码的哈希值、语言、住所所在地、刷脸支付是否开启。",
        why: "开立和使用账户；用手机号认出账户；住所所在地用于判断付款地点是否合理。",
        basis: "履行与付款人的合同；法律对支付账户实名的要求。",
        seen_by: "付款人本人；姓名仅以隐去大部分的形式显示在收款终端。工作人员看不到。",
        kept: "账户存续期间。",
        protected: "姓名、手机号和出生日期加密存放，手机号另存带密钥的指纹用于查找；支付密码只存 Argon2id 哈希值。",
        ended: "注销账户时删除姓名、手机号、支付密码和住所。",
    },
    en: Words {
        what: "A payer's name, phone number, birth date, hash of the PIN, language, place of residence, whether face payment is on.",
        why: "To open and run the account; the number identifies it; the residence tells whether a place is plausible.",
        basis: "The contract with the payer; the law's demand to know who holds a payment account.",
        seen_by: "The payer. A terminal shows the name with all but one character hidden. Staff does not see it.",
        kept: "As long as the account exists.",
        protected: "Name, number and birth date are sealed, the number is found by a keyed fingerprint; of the PIN there is only an Argon2id hash.",
        ended: "Closing the account deletes name, number, PIN and residence.",
    },
};

const FACE: Entry = Entry {
    code: "face",
    held: &[
        Columns("templates", "payer_id template_sealed pictures model created_at"),
        Columns(
            "enrolments",
            "id payer_id consent_id state code_hash failures template_sealed pictures model created_at expires_at",
        ),
        Columns("template_parts", "payer_id source position model weight template_sealed created_at"),
        Columns("look_alikes", "payer_id other_id score kind found_at"),
        Columns("face_keys", "payer_id key_wrapped generation created_at"),
        Columns("face_search", "payer_id model bucket region pictures live turned"),
        Columns("face_search_waiting", "payer_id model"),
    ],
    zh: Words {
        what: "已开通刷脸者的人脸模板及其组成部分、注册照片、等待确认的模板、与谁相像的记录。敏感个人信息。",
        why: "刷脸付款时识别付款人；相貌变化或更换识别程序时更新模板；防止把相像的人认错，发现一人多户。",
        basis: "付款人的单独同意（未满十四周岁由监护人同意），可随时撤回。",
        seen_by: "没有人；只由程序比对。疑似一人多户的记录，调查人员说明目的后可见，每次查看都有记录；不告知双方对方是谁。",
        kept: "到撤回同意或注销账户为止；未确认的模板和照片在验证码失效、输错过多或被新的取代时失去。",
        protected: "用每人单独的密钥加密存放，与姓名和手机号分开；注册照片只在更换识别程序时由程序打开；不写入日志。若选择在数据库中检索，另存经秘密正交矩阵变换的向量和手机尾号的密钥指纹：仅凭数据库无法与人脸比对，但并非加密，磁盘和备份须加密。",
        ended: "撤回同意的同一个事务中连同密钥和检索行删除，其他进程随后从内存中移除；数据库的预写日志和备份在循环清除之前仍留有检索行。",
    },
    en: Words {
        what: "Templates of enrolled faces and what they are made of, the pictures enrolled with, templates that wait for their code, who looks like whom. Sensitive data.",
        why: "To recognise the payer who pays by face; to renew templates as faces change or the program is replaced; to keep look-alikes from being mistaken for each other, and find people with two accounts.",
        basis: "The payer's separate consent (a guardian's under 14), which can be withdrawn at any time.",
        seen_by: "Nobody; only programs compare. Investigators see who probably has two accounts, with a purpose, and each look is logged; no payer is told who the other is.",
        kept: "Until the consent is withdrawn or the account closed. What waits for its code goes when the code fails or is replaced.",
        protected: "Sealed under a key of each payer's own, apart from names and numbers; only a program that makes new templates opens the pictures; never in logs. Where the database is searched it also holds vectors turned by a secret orthogonal matrix and keyed fingerprints of last four digits: alone they cannot be compared with a face, but they are not sealed, so disks and backups have to be encrypted.",
        ended: "Deleted with its key and its search row in the transaction that withdraws the consent; then from every process's memory. The database's write-ahead log and backups hold search rows until they are recycled.",
    },
};

const PHONES: Entry = Entry {
    code: "phones",
    held: &[
        Columns(
            "phone_codes",
            "id phone_index purpose phone_sealed key_wrapped generation code_hash failures state created_at expires_at",
        ),
        Columns("past_phones", "payer_id phone_index phone_sealed since until"),
        Columns("pin_recoveries", "payer_id pin_hash asked_at due_at lapses_at"),
    ],
    zh: Words {
        what: "发往手机号的验证码、账户用过的旧手机号、等待生效的新支付密码的哈希值。",
        why: "证明手机号归本人使用；限制验证码次数；争议中查明当时的号码；找回支付密码。",
        basis: "履行合同；安全保障义务。",
        seen_by: "没有人；旧号码只以是否变更的形式出现在争议的事实中。",
        kept: "验证码一天；旧号码与账户相同；找回请求到完成、取消或失效为止。",
        protected: "号码加密，另存带密钥的指纹；验证码只存带密钥的指纹；支付密码只存 Argon2id 哈希值。",
        ended: "到期删除；注销账户时删除旧号码。",
    },
    en: Words {
        what: "Codes sent to phone numbers, numbers an account had before, hashes of PINs that wait to replace a forgotten one.",
        why: "To prove that a phone is the holder's, to limit codes, to know in a dispute which number it was then, to replace a PIN.",
        basis: "The contract; the duty to keep things safe.",
        seen_by: "Nobody; a dispute's facts say whether the number changed.",
        kept: "Codes for a day; earlier numbers as long as the account; a recovery until it is done, cancelled or lapsed.",
        protected: "Numbers are sealed and found by keyed fingerprints; of a code there is a keyed fingerprint, of a PIN an Argon2id hash.",
        ended: "Deleted when the time is over; earlier numbers when the account is closed.",
    },
};

const IDENTITY: Entry = Entry {
    code: "identity",
    held: &[Columns("identities", "payer_id verified_at verified_by provider document_kind document_sealed")],
    zh: Words {
        what: "付款人出示的证件：姓名、出生日期、证件号码，由谁在何时核验。敏感个人信息。",
        why: "实名的支付账户可有更高限额；认定监护人。",
        basis: "法律对支付账户实名的要求。",
        seen_by: "付款人；核验证件的工作人员在核验时。",
        kept: "账户存续期间，以及此后法律要求的期限内。",
        protected: "加密存放，密钥与姓名和手机号相同。",
        ended: "注销账户时删除证件内容；由谁在何时核验的记录保留。",
    },
    en: Words {
        what: "The document a payer showed: name, birth date and number, who saw it and when. Sensitive data.",
        why: "A holder who is known may spend more, and may be a guardian.",
        basis: "The law's demand to know who holds a payment account.",
        seen_by: "The payer; staff, while it looks at the document.",
        kept: "As long as the account, and afterwards as long as the law asks.",
        protected: "Sealed under the key of the account's name and number.",
        ended: "What stood in it goes when the account is closed; who saw it, and when, stays.",
    },
};

const GUARDIANS: Entry = Entry {
    code: "guardians",
    held: &[Columns("guardians", "ward_id guardian_id asked_at confirmed_at held")],
    zh: Words {
        what: "谁是哪个未成年人的监护人，何时由双方确认，监护人是否关闭了刷脸支付。",
        why: "未满十四周岁使用人脸须由监护人同意；监护人可随时关闭。",
        basis: "法律对未成年人个人信息的规定；监护人的同意。",
        seen_by: "监护人和被监护人。",
        kept: "到一方解除或成年为止，以及此后法律要求能够证明的期限内。",
        protected: "双方在各自的设备上用支付密码确认。",
        ended: "解除或注销账户。",
    },
    en: Words {
        what: "Who is guardian of which minor, when both agreed, whether the guardian switched face payment off.",
        why: "Under 14 a face is used only if a guardian agrees, and the guardian can switch it off at any time.",
        basis: "The law on personal information of minors; the guardian's consent.",
        seen_by: "The guardian and the ward.",
        kept: "Until one of them ends it or the ward is of age, and afterwards as long as the law asks for the proof.",
        protected: "Both confirm on their own devices, with their PINs.",
        ended: "When it is ended, or an account is closed.",
    },
};

const CONSENT: Entry = Entry {
    code: "consent",
    held: &[Columns("consents", "id payer_id version given_at withdrawn_at")],
    zh: Words {
        what: "谁在何时同意了哪一版人脸信息处理同意书，何时撤回。",
        why: "证明处理人脸信息有同意为据。",
        basis: "法律规定的举证责任。",
        seen_by: "付款人本人；审计人员。",
        kept: "同意期间，以及此后法律要求能够证明的期限内。",
        protected: "只增加，不修改；只标注撤回时间。",
        ended: "撤回同意即终止处理；记录本身作为证明保留。",
    },
    en: Words {
        what: "Who agreed to which version of the consent to face data, when, and when it was withdrawn.",
        why: "To show that the processing of a face rests on a consent.",
        basis: "The duty to prove it.",
        seen_by: "The payer; auditors.",
        kept: "While the consent holds, and afterwards as long as the law asks for the proof.",
        protected: "Only ever added to; a withdrawal is noted with its time.",
        ended: "A withdrawal ends the processing; the record of it stays as proof.",
    },
};

const CAPTURES: Entry = Entry {
    code: "captures",
    held: &[
        Columns(
            "captures",
            "id session_id at frames probe_sealed model key_wrapped generation payer_id kept_for tombstone_id",
        ),
        Columns("capture_reports", "session_id key_id at report findings"),
        Columns("frame_prints", "session_id position terminal_id at sha256 looks encoder"),
        Columns("alerts", "payer_id"),
        Files("captures"),
    ],
    zh: Words {
        what: "刷脸付款时终端拍摄的照片、由其计算出的人脸模板、照片质量和活体检测的数值、画面指纹、终端当时的位置和摄像头名称。敏感个人信息。",
        why: "识别付款人；发现重复使用的画面和被改装的终端；在有人反映付款不是本人操作时查明原因。",
        basis: "付款人的单独同意；处理争议的法律义务。",
        seen_by: "程序；调查人员须说明目的，每次查看都有记录并向付款人公开。商家看不到。",
        kept: "作为付款记录的一部分，到撤回同意或注销账户为止；未结案件仍需的到结案为止；画面指纹最多三十天。",
        protected: "每张照片用单独的密钥加密；没有记录的照片在下次启动时清除。",
        ended: "删除照片文件及其密钥和画面指纹。",
    },
    en: Words {
        what: "Pictures a terminal takes for a payment by face, the template made of them, measures of quality and liveness, a print of how each frame looks, where the terminal was and what it calls its camera. Sensitive data.",
        why: "To recognise the payer, to notice frames that are used again and terminals that were altered, and to find out what happened when somebody says that a payment was not hers.",
        basis: "The payer's separate consent; the duty to examine disputes.",
        seen_by: "Programs. Investigators, with a purpose; every look is logged and shown to the payer. Never shops.",
        kept: "With the record of the payment, until the consent is withdrawn or the account closed; for an open case until it is closed; prints of frames for thirty days at most.",
        protected: "Each picture is sealed under a key of its own; pictures without a record are swept at the next start.",
        ended: "The files, their keys and the prints are deleted.",
    },
};

const DECISIONS: Entry = Entry {
    code: "decisions",
    held: &[
        Columns(
            "sessions",
            "id order_id terminal_id nonce_hash stage state digits_attempts opened_at expires_at challenge",
        ),
        Columns("decisions", "session_id seq at policy calibration recognition kase verdict"),
        Columns("drift_looks", "payment_id calibration at counted"),
        Columns("confirmations", "id payer_id session_id answer asked_at passkey_id"),
    ],
    zh: Words {
        what: "每次付款尝试：谁被认作付款人、相似度、核验方式、判定及其理由、本人设备上的回答。",
        why: "决定是否扣款；事后不看照片也能重现判定并说明理由。",
        basis: "履行合同；说明自动化决策的法律义务。",
        seen_by: "调查人员和审计人员，须说明目的并留下记录；付款人看到自己的结果和理由。",
        kept: "与付款记录相同。",
        protected: "只增加，不修改；不含照片；候选人只以编号出现。",
        ended: "随付款记录期满；注销账户后编号不再对应任何姓名。",
    },
    en: Words {
        what: "Each attempt to pay: who was taken for the payer, how similar, what was checked, the verdict and its reasons, answers on the own device.",
        why: "To decide about the debit, and to replay and explain the decision later without a picture.",
        basis: "The contract; the duty to explain automated decisions.",
        seen_by: "Investigators and auditors, with a purpose and a trace; the payer sees the outcome and how it came about.",
        kept: "As long as the record of a payment.",
        protected: "Only ever added to; holds no picture; candidates are named by their ids.",
        ended: "With the record of the payment; after an account is closed its id leads to no name.",
    },
};

const ORDERS: Entry = Entry {
    code: "orders",
    held: &[Columns(
        "orders",
        "id merchant_id terminal_id out_trade_no minor currency description state created_at expires_at capture",
    )],
    zh: Words {
        what: "订单的金额、商家和商家填写的说明；付款后与付款人关联。",
        why: "让付款人知道在为什么付款；同一订单只扣一次。",
        basis: "履行与商家和付款人的合同。",
        seen_by: "商家、其终端；付款人付款时。",
        kept: "与付款记录相同。",
        protected: "订单码不存储，只能由主密钥计算；终端只能看到自己的订单。",
        ended: "随付款记录期满。",
    },
    en: Words {
        what: "Amount, shop and the shop's description of an order; once paid it belongs to a payer.",
        why: "To tell the payer what is paid for, and to debit an order once.",
        basis: "The contracts with the merchant and the payer.",
        seen_by: "The merchant and its terminal; the payer who pays it.",
        kept: "As long as the record of a payment.",
        protected: "An order's code is stored nowhere, only the master key makes it; a terminal sees its own orders.",
        ended: "With the record of the payment.",
    },
};

const PAYMENTS: Entry = Entry {
    code: "payments",
    held: &[
        Columns(
            "payments",
            "id order_id session_id payer_id merchant_id terminal_id minor currency state fee_bps hold_id expires_at \
             captured_minor capture_id captured_at refunded_minor recovered_minor settlement_id ended_at held strong \
             recognised at",
        ),
        Columns("refunds", "id payment_id merchant_id out_refund_no minor currency reason at"),
        Columns("bill_lines", "seq merchant_id at kind payment_id refund_id minor currency fee_minor"),
        Columns("settlement_left_out", "settlement_id payment_id reason"),
        Columns("balances", "account currency posted held"),
        Columns(
            "entries",
            "seq id kind hold_id from_account to_account minor currency purpose expires_at at",
        ),
    ],
    zh: Words {
        what: "谁在何时何地向谁付了多少、如何确认、退款、余额和账簿分录。",
        why: "付款、结算、退款、对账；消费习惯用于判断付款是否合理。",
        basis: "履行合同；支付和反洗钱法律对交易记录的要求。",
        seen_by: "付款人看到自己的；商家看到自己的收款，但看不到付款人是谁；工作人员按职责。",
        kept: "法律要求的期限（在中国，反洗钱法要求至少十年）。",
        protected: "账簿只增加，不修改，可用 surety verify 从头验证；付款人只以编号出现。",
        ended: "期满后由运营方删除；注销账户后编号不再对应任何姓名。",
    },
    en: Words {
        what: "Who paid whom how much, when, where and how it was confirmed; refunds, balances, entries of the books.",
        why: "To pay, settle, refund and reconcile; habits tell whether a payment is plausible.",
        basis: "The contract; what the law on payments and against money laundering asks to be recorded.",
        seen_by: "A payer sees her own; a merchant its own takings, without who paid; staff as far as its duties go.",
        kept: "As long as the law asks (in China ten years at least, against money laundering).",
        protected: "The books are only ever added to and proven from nothing by surety verify; payers are named by their ids.",
        ended: "Deleted by the operator when the time is over; after an account is closed its id leads to no name.",
    },
};

const MESSAGES: Entry = Entry {
    code: "messages",
    held: &[
        Columns("messages", "seq id payer_id at kind args reference"),
        Columns(
            "outbox",
            "seq id recipient kind body state attempts last_error created_at done_at text_sealed text_key \
             text_generation",
        ),
        Columns("outbox_recipients", "recipient next_at leased_until"),
    ],
    zh: Words {
        what: "发给付款人的通知（金额、商家、验证码），以及发往推送网关、短信网关和商家的副本。",
        why: "付款后立即告知；让付款人能够否认；通知商家的系统。",
        basis: "履行合同；告知义务。",
        seen_by: "付款人的设备；推送网关由运营方自行运行；商家只收到自己的付款，不含付款人。",
        kept: "与账户相同；发出的副本保留到运营方清理为止。",
        protected: "只有付款人的密钥能读取；推送带签名，应经加密连接；短信内容加密，发出后即抹去。",
        ended: "随账户注销失去对应的人；验证码数分钟后失效。",
    },
    en: Words {
        what: "Messages to payers (amount, shop, codes), and the copies that leave for the push gateway, as text messages, and for merchants.",
        why: "To tell of a payment at once, so that it can be disowned; to tell merchants' machines.",
        basis: "The contract; the duty to inform.",
        seen_by: "The payer's devices; the push gateway, which the operator runs; a merchant gets its own payments, without who paid.",
        kept: "As long as the account; copies that left, until the operator clears them.",
        protected: "Only a payer's own key reads them; pushes are signed and belong on encrypted connections; a text message is sealed, and wiped once it left.",
        ended: "Closing the account leaves them without a person; codes stop working after minutes.",
    },
};

const PLACES: Entry = Entry {
    code: "places",
    held: &[Columns("traces", "payer_id at latitude longitude")],
    zh: Words {
        what: "付款人的设备自愿报告的位置和时间。敏感个人信息。",
        why: "付款地点与本人设备相距很远时为付款人说话。",
        basis: "付款人同意，在自己的设备上逐次提供。",
        seen_by: "没有人直接看到；调查时只显示距离和时间差。",
        kept: "账户存续期间。",
        protected: "不提供给商家；不写入日志。",
        ended: "注销账户时删除。",
    },
    en: Words {
        what: "Where and when the payer's own device was, as it chooses to say. Sensitive data.",
        why: "It speaks for the payer when a payment is made far away from the own device.",
        basis: "The payer's consent, given on the own device with each report.",
        seen_by: "Nobody as such; an investigation shows distance and time apart.",
        kept: "As long as the account.",
        protected: "Never given to shops; never in logs.",
        ended: "Deleted when the account is closed.",
    },
};

const DISPUTES: Entry = Entry {
    code: "disputes",
    held: &[
        Columns("disputes", "id payment_id payer_id merchant_id terminal_id state version filed_at"),
        Columns("dispute_evidence", "dispute_id seq at facts assessment"),
    ],
    zh: Words {
        what: "付款人反映的情况、调取的事实、评估、商家的说明、结论和赔付。",
        why: "查明付款是否本人操作；先行赔付；追偿。",
        basis: "法律规定的举证和赔付责任。",
        seen_by: "付款人；调查人员、复核人员和审计人员，每次查看都有记录；商家只看到自己的付款被否认。",
        kept: "与付款记录相同。",
        protected: "每一步与通知一起记录；查看须说明目的。",
        ended: "结案后不再需要的照片删除；案件记录随付款记录期满。",
    },
    en: Words {
        what: "What a payer said, the facts gathered, their weighing, the shop's statement, finding and compensation.",
        why: "To find out whether the payer paid, to pay back first, to recover.",
        basis: "The duty to prove an authorisation, and to compensate.",
        seen_by: "The payer; investigators, approvers and auditors, each look logged; the merchant sees that its payment is disputed.",
        kept: "As long as the record of a payment.",
        protected: "Each step is recorded with the message that tells of it; a look needs a purpose.",
        ended: "Pictures that a closed case no longer needs are deleted; the case itself ends with the record of the payment.",
    },
};

const CREDENTIALS: Entry = Entry {
    code: "credentials",
    held: &[Columns(
        "credentials",
        "id kind scope subject secret_hash public_key rights label created_at expires_at seen_at revoked_at",
    )],
    zh: Words {
        what: "付款人设备、工作人员、商家和终端的登录凭证：哈希值或公钥、名称、最近使用时间。",
        why: "确认是谁在操作；丢失时可以撤销。",
        basis: "履行合同；安全保障义务。",
        seen_by: "本人看到自己的设备；管理员看到名单，看不到密钥。",
        kept: "使用期间；撤销后作为谁曾操作的证明保留。",
        protected: "只存 SHA-256 或公钥；最近使用时间只精确到小时。",
        ended: "到期、撤销或注销账户即失效。",
    },
    en: Words {
        what: "Credentials of payers' devices, staff, merchants and terminals: hash or public key, label, when last used.",
        why: "To know who acts, and to take a lost device off.",
        basis: "The contract; the duty to keep things safe.",
        seen_by: "A person sees the own ones; administrators see the list, never a secret.",
        kept: "While in use; afterwards as proof of who acted.",
        protected: "Only a SHA-256 or a public key is stored; use is noted to the hour.",
        ended: "Over when it expires, is revoked, or the account is closed.",
    },
};

const PASSKEYS: Entry = Entry {
    code: "passkeys",
    held: &[
        Columns(
            "passkeys",
            "id subject credential_id credential label counter created_at used_at blocked_at",
        ),
        Columns("ceremonies", "id purpose subject target state expires_at used_at"),
    ],
    zh: Words {
        what: "付款人和用户的通行密钥：设备上生成的公钥、计数器、名称、最近使用时间，以及几分钟内有效的挑战。",
        why: "确认是本人的设备在回答；发现被复制的密钥。",
        basis: "履行合同；安全保障义务。",
        seen_by: "本人看到自己的通行密钥。",
        kept: "到本人删除为止；挑战在到期约一小时后删除。",
        protected: "只存公钥；私钥和设备解锁用的生物特征从不离开设备。",
        ended: "本人删除、重置登录或注销账户时删除。",
    },
    en: Words {
        what: "Passkeys of payers and users: the public key a device made, its counter, label, when last used; challenges that are good for minutes.",
        why: "To know that the person's own device answers, and to notice a copied one.",
        basis: "The contract; the duty to keep things safe.",
        seen_by: "A person sees the own ones.",
        kept: "Until the person removes it; challenges some hour after they end.",
        protected: "Only the public key is stored; the private one, and what unlocks it, never leave the device.",
        ended: "Deleted when the person removes it, the login is reset, or the account is closed.",
    },
};

const USERS: Entry = Entry {
    code: "users",
    held: &[
        Columns("users", "id merchant_id login name roles state created_at created_by"),
        Columns(
            "user_secrets",
            "user_id phone_index password_hash totp_sealed totp_key totp_generation totp_active totp_step oidc_issuer \
             oidc_subject",
        ),
        Columns("invitations", "user_id secret_hash created_at expires_at"),
        Columns("login_attempts", "login_index failures failed_at locked_until"),
        Columns("login_flows", "secret_hash body expires_at"),
        Columns("break_glass", "id user_id roles reason created_at expires_at ended_at ended_by"),
        Columns("terminal_relocations", "proposed_by decided_by"),
    ],
    zh: Words {
        what: "运营方和商家工作人员的登录名、姓名、职责、密码哈希值、第二因素、外部身份、登录失败次数、临时扩大的职责及理由。",
        why: "确认身份；按职责授权；记录谁做了什么；防止批准给自己的钱。",
        basis: "劳动和合作关系；安全和审计义务。",
        seen_by: "管理员、审计人员；商家的管理人员看到本商家的人员。",
        kept: "在职期间，以及此后记录需要署名的期限内。",
        protected: "密码只存 Argon2id 哈希值，第二因素加密，手机号和尝试登录的名字只存带密钥的指纹；停用后立即失去全部权限。",
        ended: "停用；记录中的登录名保留。",
    },
    en: Words {
        what: "Logins, names, duties, password hashes, second factors, outside identities, failed logins and further duties taken for a reason, of people who work for the operator or a merchant.",
        why: "To know them, to let each do what the own duty is, to record who did what, and to keep anybody from approving money to the own account.",
        basis: "Employment and contracts; the duties of safety and audit.",
        seen_by: "Administrators and auditors; a merchant's own managers see its people.",
        kept: "While they work, and afterwards as long as records need a name under them.",
        protected: "Passwords as Argon2id hashes, second factors sealed, phone numbers and typed logins as keyed fingerprints; whoever is disabled can do nothing from then on.",
        ended: "Disabled; the login stays in the records.",
    },
};

const RECORDS: Entry = Entry {
    code: "records",
    held: &[
        Columns("events", "seq id subject at actor body"),
        Columns("access_log", "seq id at actor subject payer_id purpose"),
    ],
    zh: Words {
        what: "每次变更和每次查看个人信息的记录：谁、何时、对什么、目的。",
        why: "事后能够查明发生了什么；让付款人知道谁看过自己的信息。",
        basis: "法律规定的记录和审计义务。",
        seen_by: "审计人员；付款人看到对自己信息的每次查看。",
        kept: "与付款记录相同。",
        protected: "只增加，不修改；人只以编号或登录名出现。",
        ended: "随付款记录期满。",
    },
    en: Words {
        what: "Every change and every look at personal data: who, when, at what, for what purpose.",
        why: "To find out later what happened, and to let payers know who looked.",
        basis: "The duty to record and to be audited.",
        seen_by: "Auditors; a payer sees every look at the own data.",
        kept: "As long as the record of a payment.",
        protected: "Only ever added to; people are named by ids and logins.",
        ended: "With the record of the payment.",
    },
};

const ERASURES: Entry = Entry {
    code: "erasures",
    held: &[Columns("tombstones", "seq id payer_id at reason body")],
    zh: Words {
        what: "何时因何删除了哪个编号的人脸、照片或账户：被删内容的哈希值，不含内容本身。",
        why: "证明已经删除，并让验证程序发现没有删净的内容。",
        basis: "证明已履行删除义务的责任。",
        seen_by: "付款人在撤回或注销时得到一份；审计人员。",
        kept: "与付款记录相同。",
        protected: "只增加，不修改；由哈希值无法得到任何人脸。",
        ended: "随付款记录期满。",
    },
    en: Words {
        what: "When and why the face, the pictures or the account of which id were erased: hashes of what was there, not the thing.",
        why: "To prove that it was erased, and to let verification find what was not.",
        basis: "The duty to show that a demand to delete was met.",
        seen_by: "The payer gets it with the withdrawal or the closing; auditors.",
        kept: "As long as the record of a payment.",
        protected: "Only ever added to; no face comes out of a hash.",
        ended: "With the record of the payment.",
    },
};

const KEYS: Entry = Entry {
    code: "keys_and_database",
    held: &[Files("master.key"), Files("staff.key"), Files("push.key"), Files("surety.db"), Files("lock")],
    zh: Words {
        what: "数据文件夹：数据库文件（上述全部内容）、主密钥、首个工作人员密钥、推送签名密钥、锁文件。",
        why: "运行本系统。",
        basis: "与上述各项相同。",
        seen_by: "能登录该机器的运营人员；没有主密钥，加密的内容无法读取。",
        kept: "与上述各项相同；备份由运营方管理。",
        protected: "密钥文件仅所有者可读；主密钥的副本应与数据库备份分开保管。",
        ended: "与上述各项相同；备份应按同样的期限清理。",
    },
    en: Words {
        what: "The data folder: the database (all of the above), the master key, the first staff key, the key that signs pushes, a lock.",
        why: "To run the service.",
        basis: "As for what is in it.",
        seen_by: "Whoever may log in to the machine; without the master key sealed values stay closed.",
        kept: "As what is in it; backups are the operator's to manage.",
        protected: "Key files are readable by their owner only; a copy of the master key belongs apart from the backups.",
        ended: "As what is in it; backups are cleared after the same times.",
    },
};
