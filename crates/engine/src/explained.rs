//! How sure a decision was and why, in words for staff, in both languages. Nobody is named: whoever else was compared
//! is "another candidate".

use disputes::InWords;
use identity::{Certainty, Numerals, Rival};
use serde_json::json;
use store::{DecisionRow, Language};

use crate::messages::words;
use crate::recognise::Recognition;

/// A decision with its words.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainedDecision {
    /// As recorded, with everybody whom it is not about as a number.
    pub row: DecisionRow,
    /// How sure it was and why; none where no face was compared with everybody.
    pub explanation: Option<InWords>,
}

/// The words of a decision as it was recorded.
pub(crate) fn explanation(decision: &DecisionRow) -> anyhow::Result<Option<InWords>> {
    Ok(of_recognition(&serde_json::from_value(decision.recognition.clone())?))
}

/// The words of what was made of a capture.
pub(crate) fn of_recognition(recognition: &Recognition) -> Option<InWords> {
    match recognition {
        Recognition::Posterior(by_face) => Some(of_certainty(&by_face.certainty)),
        Recognition::AwaitingDigits
        | Recognition::Narrowed { best: _, searched: _ }
        | Recognition::OrderCode { payer: _, device: _ } => None,
    }
}

pub(crate) fn of_certainty(certainty: &Certainty) -> InWords {
    InWords {
        zh: said(certainty, Language::Zh, Numerals::Chinese),
        en: said(certainty, Language::En, Numerals::English),
    }
}

fn said(certainty: &Certainty, language: Language, numerals: Numerals) -> String {
    let identity::Explanation { best, one_in, face_times, place_one_in, rival, times_less_likely, searched } =
        certainty.explain();
    if best.is_none() {
        return words("explanation_nobody", &json!({ "searched": searched }), language);
    }
    let rival = match rival {
        Rival::Payer(_) => "explanation_rival_candidate",
        Rival::Unnamed => "explanation_rival_unnamed",
        Rival::NotEnrolled => "explanation_rival_stranger",
    };
    let (kind, times) = if times_less_likely >= 1.0 {
        ("explanation_less_likely", times_less_likely)
    } else {
        ("explanation_more_likely", times_less_likely.recip())
    };
    let values = json!({
        "one_in": numerals.of(one_in),
        "face_times": numerals.of(face_times),
        "place_one_in": numerals.of(place_one_in),
        "rival": words(rival, &json!({}), language),
        "times": numerals.of(times),
        "searched": searched,
    });
    words(kind, &values, language)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use identity::{Calibration, Candidate, Cohort, PosteriorInput, posterior};
    use types::{PayerId, Probability, Score};

    use super::*;
    use crate::installation::Installation;

    fn check(scores: &[f64], zh: &Expect, en: &Expect) {
        let candidate = |(n, score): (u128, &f64)| Candidate {
            payer: PayerId::from_bits(n),
            score: Score::new(*score),
            pictures: 2,
            prior: 1e-3,
            cohort: Cohort::DEFAULT,
        };
        let input = PosteriorInput {
            frames: 2,
            candidates: (1..).zip(scores).map(candidate).collect(),
            rest: Vec::new(),
            prior_not_enrolled: Probability::new(0.05).unwrap(),
            impostor_inflation: 10.0,
        };
        let calibration: Calibration = Installation::shipped_calibration().unwrap();
        let found = of_certainty(&posterior(&calibration, &input).unwrap());
        zh.assert_eq(&found.zh);
        en.assert_eq(&found.en);
        assert!(!found.zh.contains("payer_") && !found.en.contains("payer_"), "nobody is named");
    }

    #[test]
    fn a_decision_in_both_languages() {
        check(
            &[0.8, 0.3],
            &expect![
                "认错的可能为 56万 分之一：本人得到这一相似度的可能是陌生人的 2900万 倍，而在此地每 1100 位付款人中有一位是此人；其次是未登记的人，可能性只有其 56万 分之一；共比对 2 张人脸。"
            ],
            &expect![
                "Sure to 1 in 560 thousand, because such a score is 29 million times likelier for the owner of the face than for a stranger, where 1 payer in 1.1 thousand would be this one; the next best, somebody who is not enrolled, is 560 thousand times less likely; 2 faces searched."
            ],
        );
        check(
            &[0.8, 0.75],
            &expect![
                "认错的可能为 9.2 分之一：本人得到这一相似度的可能是陌生人的 2900万 倍，而在此地每 1100 位付款人中有一位是此人；其次是另一位候选人，可能性只有其 8.2 分之一；共比对 2 张人脸。"
            ],
            &expect![
                "Sure to 1 in 9.2, because such a score is 29 million times likelier for the owner of the face than for a stranger, where 1 payer in 1.1 thousand would be this one; the next best, another candidate, is 8.2 times less likely; 2 faces searched."
            ],
        );
        check(
            &[0.3],
            &expect![
                "没有把握：未登记的人的可能性是最佳候选人的 1.9万 倍；本人得到这一相似度的可能是陌生人的 0.0028 倍，而在此地每 1100 位付款人中有一位是此人；共比对 1 张人脸。"
            ],
            &expect![
                "Not sure: somebody who is not enrolled is 19 thousand times likelier than the best candidate; such a score is 0.0028 times as likely for the owner of the face as for a stranger, where 1 payer in 1.1 thousand would be this one; 1 faces searched."
            ],
        );
        check(
            &[],
            &expect!["没有人与这张脸相似；共比对 0 张人脸。"],
            &expect!["Nobody resembles this face; 0 faces searched."],
        );
    }
}
