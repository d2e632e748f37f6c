# 付款人看到的文字：说清发生了什么、接下来怎么办。键名和占位符与 en.ftl 一致。

check-last-four = 、手机号后四位
check-full-phone = 、完整手机号
check-pin = 、支付密码
check-own-device = 、本人设备确认
sure-to = ，误认概率不超过 { $n } 分之一

enrolment-code = 开通刷脸支付的验证码：{ $code }，{ $minutes } 分钟内有效。运营方和商家都不会向您索要。如非本人操作请忽略，不会开通任何功能。
enrolment-failed = 刷脸支付未开通：验证码多次输错。如非本人操作，请修改支付密码。
face-enabled = 刷脸支付已开通。您可随时一键关闭，立即生效。
face-enrol-again = 我们即将更换人脸识别程序，但没有保存您的注册照片，无法重新计算您的模板。请在应用内重新开通刷脸支付，以便继续使用。更换之前一切照旧；更换之后，您仍可用本人设备和支付密码付款。
face-deleted = 您已撤回同意，人脸信息及您付款时的照片已连同密钥一并删除。未结案件仍需的照片将在结案时删除。您的账户和余额不受影响。
case-pictures-deleted = 您的案件已结案，为此保留的照片已按您的意愿删除。
account-closed = 您的账户已注销，人脸、姓名和手机号已删除。付款记录依法保留。
pin-locked = 支付密码连续输错多次，已锁定 { $minutes } 分钟。如非本人操作，说明有人试图冒用您的身份付款：您没有被扣款，可立即关闭刷脸支付。
face-frozen = 刷脸支付已关闭。在您用支付密码或通行密钥重新开启之前，任何人都无法用您的脸付款。
passkey-added = 您的账户已添加通行密钥「{ $label }」。今后确认付款须使用通行密钥。如非本人操作，请立即关闭刷脸支付并修改支付密码。
passkey-removed = 通行密钥「{ $label }」已从您的账户移除。如非本人操作，请立即关闭刷脸支付并修改支付密码。
passkey-cloned = 通行密钥「{ $label }」已停用：它的使用情况表明可能存在副本，本次没有确认任何操作。请移除并重新添加；如非本人操作，请立即关闭刷脸支付。
payment-debited = 您在{ $city }「{ $shop }」刷脸支付 { $amount }。识别方式：人脸{ $checks }{ $p_wrong }，共比对 { $searched } 张人脸。不是您本人？请点「不是我」。
payment-authorised = 您在{ $city }「{ $shop }」预留 { $amount }，尚未扣款。识别方式：人脸{ $checks }{ $p_wrong }，共比对 { $searched } 张人脸。不是您本人？请点「不是我」。
code-payment-debited = 您在{ $city }「{ $shop }」扫码支付 { $amount }，由您本人设备和支付密码确认，未使用人脸。不是您本人？请点「不是我」。
code-payment-authorised = 您在{ $city }「{ $shop }」扫码预留 { $amount }，尚未扣款，由您本人设备和支付密码确认，未使用人脸。不是您本人？请点「不是我」。
payment-captured = 「{ $shop }」已从预留金额中扣款 { $amount }，其余 { $released } 已归还您的账户。
payment-released = 为「{ $shop }」预留的 { $amount } 已归还您的账户，没有扣款。
payment-refunded = 「{ $shop }」已向您退款 { $amount }：{ $reason }
payment-stopped = 我们拦下了{ $city }「{ $shop }」的一笔 { $amount } 付款。您没有被扣款。如果是您本人，请改用其他方式付款。
    { $why ->
        [check_failed] 现场有人长得像您，但输入的信息与您的账户不符。
        [not_enabled] 现场有人长得像您，而您的刷脸支付处于关闭状态。
        [not_live] 摄像头看到的不像是真人。
        [challenge_failed] 没有看到所要求的动作，或者做动作的是另一个人。
        [frames_seen_before] 收到的照片以前已经发送过。
        [over_day_limit] 您今天的支付额度已用完。
        [minor_limit] 超过了未成年人支付的限额。
        [guardian_needed] 需要监护人先同意。
       *[other] 现场有人长得像您，但仅凭人脸不够确定。
    }
payment-reversed = { $amount } 已退回您的账户：商家撤销了这笔付款。
confirm-payment = 您现在是否在{ $city }「{ $shop }」支付 { $amount }？只有本人操作时才选「是」。（问题编号 { $confirmation }）

dispute-filed = 您反映一笔 { $amount } 的付款不是您本人操作，案件已受理。商家的这笔款项已暂缓结算，我们正在调取记录。
dispute-evidence = 我们已调取这笔付款的记录：判定的过程和依据、地点，以及您本人设备当时的位置。
dispute-merchant-asked = 我们已请商家说明情况，期限为 { $due }。您无需等待。
dispute-statement = 商家已答复：
    { $stance ->
        [accept] 同意您的说法。
       *[contest] 认为付款无误。我们会继续核查，已付给您的钱不受影响。
    }
dispute-awaits-approval = 应赔付您 { $amount }。因金额较大，正由第二位工作人员复核，付出后立即通知您。
dispute-compensated = 已先行赔付 { $amount } 到您的账户。您无需做任何事，后续由我们向责任方追偿。
dispute-not-compensated = 记录显示这笔 { $amount } 的付款由您本人确认，因此暂不先行赔付。仍会由工作人员核查，您可以补充说明。
dispute-finding = 调查结论：
    { $finding ->
        [wrong_person] 系统把别人的脸认成了您。责任不在您。
        [account_takeover] 他人使用了您的账户。责任不在您。请修改支付密码。
        [merchant_fault] 这笔付款由商家或其设备造成。
        [authorised_by_payer] 这笔付款是您本人操作。如有异议可以申诉。
        [duplicate] 同一笔消费被扣了两次。
       *[other] 这笔付款责任不在您。
    }
dispute-recovered = 赔付给您的款项已向商家追回，对您没有影响。
dispute-closed = 案件已结案。记录为您保留，您可随时申诉。

text-register = 开户验证码：{ $code }，{ $minutes } 分钟内有效。请勿告诉任何人，我们和商家都不会向您索要。如非本人操作请忽略。
text-login = 在新设备登录的验证码：{ $code }，{ $minutes } 分钟内有效。请勿告诉任何人：有了它和您的支付密码，就能进入您的账户。如非本人操作请忽略。
text-change = 将此号码用于账户的验证码：{ $code }，{ $minutes } 分钟内有效。请勿告诉任何人。如非本人操作请忽略。
text-recover = 重设支付密码的验证码：{ $code }，{ $minutes } 分钟内有效。请勿告诉任何人。如非本人操作，请登录后拒绝，或联系我们阻止。
text-guardian = 有人申请成为此号码账户的监护人，验证码：{ $code }，{ $minutes } 分钟内有效。只能告诉在您身边的父母或监护人。
text-recovery-asked = 有人申请重设您账户的支付密码，{ $hours } 小时后可以完成。如非本人操作，请登录后拒绝。在此期间刷脸支付已关闭。
text-phone-left = 此号码已不再属于您的账户：账户已换成另一个号码。如非本人操作，请立即联系我们。刷脸支付已关闭。
device-added = 您的账户在新设备上登录：{ $device }。不是您本人？请立即退出所有设备并修改支付密码。
devices-removed = 您账户的其他设备均已退出登录。
pin-changed = 您的支付密码已修改。不是您本人？请立即申请重设，并关闭刷脸支付。
pin-recovery-asked = 有人用发到您手机的验证码申请重设支付密码，{ $hours } 小时后可以完成。在此期间刷脸支付已关闭。不是您本人？请立即拒绝。
pin-recovery-cancelled = 支付密码未改变：重设申请已取消。您可以用支付密码重新开启刷脸支付。
pin-recovered = 支付密码已按申请重设。不是您本人？请立即联系我们。
phone-changed = 您账户的手机号已更换。在您用支付密码重新开启之前，刷脸支付保持关闭。不是您本人？请立即联系我们。
identity-verified = 已核验您的证件，账户的姓名和出生日期以证件为准。
guardian-asked = { $name } 申请成为您的监护人：可以看到您的付款，并可关闭刷脸支付。确认无误后再用支付密码同意。
guardian-allows = 监护人已重新允许刷脸支付。请用支付密码开启。
guardian-left = 您已没有监护人。
ward-accepted = 您已成为监护人：每笔刷脸付款都会通知您，您可以随时关闭。
ward-debited = { $name } 在{ $city }「{ $shop }」刷脸支付 { $amount }。您可以随时关闭其刷脸支付。

# 供工作人员阅读：判定的把握有多大，为什么。
explanation-less-likely = 认错的可能为 { $one_in } 分之一：本人得到这一相似度的可能是陌生人的 { $face_times } 倍，而在此地每 { $place_one_in } 位付款人中有一位是此人；其次是{ $rival }，可能性只有其 { $times } 分之一；共比对 { $searched } 张人脸。
explanation-more-likely = 没有把握：{ $rival }的可能性是最佳候选人的 { $times } 倍；本人得到这一相似度的可能是陌生人的 { $face_times } 倍，而在此地每 { $place_one_in } 位付款人中有一位是此人；共比对 { $searched } 张人脸。
explanation-nobody = 没有人与这张脸相似；共比对 { $searched } 张人脸。
explanation-rival-candidate = 另一位候选人
explanation-rival-unnamed = 其余被比对者之一
explanation-rival-stranger = 未登记的人
