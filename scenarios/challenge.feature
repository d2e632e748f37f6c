Feature: Moving as the terminal asks
  Above 200 yuan a face pays only if it moves as the server asks: an order of movements and times that nobody knew
  before. Whoever cannot or would not move types the PIN, or pays the order's code. Who comes with an earlier video, a
  print, another face, another terminal or another order's secret is refused, and nobody is debited.

  Background:
    Given a platform with 1,000 enrolled accounts
    And these shops:
      | shop         | city     | address          | latitude | longitude |
      | Lantern Deli | Hangzhou | 18 Hefang Street | 30.2425  | 120.1690  |
      | Corner Radio | Hangzhou | 2 Yan'an Road    | 30.2500  | 120.1600  |
    And these people, enrolled from their own phones with studio_portrait and amateur_posture:
      | name     | face | phone          | PIN    | reads   | city     | address          | latitude | longitude |
      | Wang Wei | P001 | +8613700010311 | 918204 | English | Hangzhou | 5 West Lake Road | 30.2460  | 120.1551  |
      | Liu Yang | P003 | +8613600031942 | 671290 | English | Hangzhou | 9 West Lake Road | 30.2461  | 120.1552  |
    And whoever pays looks at the terminal as in studio_posture and amateur_selfie
    And Wang Wei tops up 800.00 yuan

  Scenario: Who moves as asked pays, and so does who cannot
    When Wang Wei comes to pay 250.00 yuan at Lantern Deli
    And Wang Wei moves as the terminal asks
    Then 250.00 yuan are debited from Wang Wei

    # The other way, for whoever cannot move, and for terminals that know nothing of it.
    When Wang Wei wants to pay 251.00 yuan at Lantern Deli
    Then the terminal asks for the PIN
    When Wang Wei types 918204 at the terminal
    Then 251.00 yuan are debited from Wang Wei
    And Wang Wei has 299.00 yuan
    And the books are right

  Scenario: Frames that do not show it
    When Wang Wei comes to pay 250.00 yuan at Lantern Deli
    And Wang Wei moves another way than the terminal asks
    Then the terminal shows challenge_failed
    And nobody is debited
    And Wang Wei is told of an attempt that was stopped
    And investigators see the 11 pictures of it, refused with challenge_failed

    # A print of her, turned and tilted before the camera.
    When Wang Wei comes to pay 250.00 yuan at Lantern Deli
    And a print of Wang Wei is moved as the terminal asks
    Then the terminal shows challenge_failed
    And nobody is debited

    # Her photograph first, and then another face that moves.
    When Wang Wei comes to pay 250.00 yuan at Lantern Deli
    And after Wang Wei it is Liu Yang who does what the terminal asks
    Then the terminal shows challenge_failed
    And nobody is debited

    When Wang Wei comes to pay 250.00 yuan at Lantern Deli
    And somebody stands beside Wang Wei in one frame
    Then it is refused with several_faces
    And nobody is debited
    And the books are right

  Scenario: Frames of an earlier challenge
    When Wang Wei comes to pay 250.00 yuan at Lantern Deli
    And Wang Wei moves as the terminal asks
    Then 250.00 yuan are debited from Wang Wei
    When Wang Wei comes to pay 251.00 yuan at Lantern Deli
    And the frames of the challenge before are sent again
    Then it is refused with frames_seen_before
    And nobody is debited
    And staff reads at Lantern Deli the alert frames_repeated
    And the books are right

  Scenario: Another's terminal, another's secret, and too late
    When Wang Wei comes to pay 250.00 yuan at Lantern Deli
    And the terminal of Corner Radio sends what Wang Wei shows
    Then it is refused with session_unknown
    And nobody is debited
    When Wang Wei shows it with the secret of another order
    Then it is refused with nonce_wrong
    And nobody is debited

    Given the rules in default.toml are in force, with 5 seconds for a challenge
    When Wang Wei comes to pay 250.00 yuan at Lantern Deli
    And Wang Wei takes 6 seconds to move as the terminal asks
    Then it is refused with challenge_expired
    And nobody is debited
    And the books are right
