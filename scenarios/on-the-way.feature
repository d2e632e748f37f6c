Feature: Between the camera and the server
  Somebody listens, copies, carries away or forges. Each is refused by name, nobody is debited, and staff reads of it.

  Background:
    Given a platform with 1,000 enrolled accounts
    And these shops:
      | shop         | city     | address          | latitude | longitude |
      | Lantern Deli | Hangzhou | 18 Hefang Street | 30.2425  | 120.1690  |
    And these people, enrolled from their own phones with studio_portrait and amateur_posture:
      | name     | face | phone          | PIN    | reads   | city     | address          | latitude | longitude |
      | Zhang Li | P002 | +8613700024077 | 330581 | English | Hangzhou | 5 West Lake Road | 30.2460  | 120.1551  |
      | Wang Wei | P001 | +8613700010311 | 918204 | English | Hangzhou | 9 West Lake Road | 30.2461  | 120.1552  |
    And whoever pays looks at the terminal as in studio_posture and amateur_selfie
    And Zhang Li tops up 200.00 yuan
    And Wang Wei tops up 200.00 yuan

  Scenario: What was sent comes again
    When an order over 20.00 yuan waits at Lantern Deli
    And the request with the frames of Zhang Li is heard on the way, and sent a second time
    Then it is refused with signature_replayed
    And staff reads at Lantern Deli the alert request_replayed
    When Zhang Li wants to pay 21.00 yuan at Lantern Deli
    And an order over 22.00 yuan waits at Lantern Deli
    And the frames of the attempt before are sent
    Then it is refused with frames_seen_before
    And nobody is debited
    And staff reads at Lantern Deli the alert frames_repeated
    And the books are right

  Scenario: Frames are changed on the way
    When an order over 20.00 yuan waits at Lantern Deli
    And the frames of Zhang Li are changed on the way to those of Wang Wei
    Then it is refused with digest_wrong
    And nobody is debited
    And staff reads at Lantern Deli the alert request_tampered
    # The attempt still waits for what the terminal signs.
    When the terminal sends the frames of Zhang Li
    Then the books are right

  Scenario: The device is copied
    When Zhang Li wants to pay 20.00 yuan at Lantern Deli
    And an order over 21.00 yuan waits at Lantern Deli
    And a copy of the device sends the frames of Wang Wei
    Then it is refused with terminal_cloned
    And nobody is debited
    And staff reads at Lantern Deli the alert terminal_cloned
    And the terminal of Lantern Deli is suspended
    # Until somebody looked, neither of the two is paid at.
    When the terminal sends the frames of Wang Wei
    Then it is refused with terminal_suspended
    And nobody is debited
    And the books are right

  Scenario: The device is carried away
    When an order over 20.00 yuan waits at Lantern Deli
    And 5 km away the terminal sends the frames of Zhang Li
    Then it is refused with outside_geofence
    And nobody is debited
    And staff reads at Lantern Deli the alert terminal_outside_geofence
    When 5 km away the terminal sends the frames of Zhang Li
    Then it is refused with outside_geofence
    And staff reads at Lantern Deli the alert terminal_relocated
    # Two hundred kilometres further a moment later: there are two.
    When 200 km away the terminal sends the frames of Zhang Li
    Then it is refused with terminal_cloned
    And staff reads at Lantern Deli the alert terminal_impossible_movement
    And the terminal of Lantern Deli is suspended
    And nobody is debited
    And the books are right

  Scenario: Pictures that are made to break something
    When an order over 20.00 yuan waits at Lantern Deli
    And the terminal is made to send a picture of 40 megapixels
    Then it is refused with too_many_pixels
    When the terminal is made to send a picture of 1 by 60,000 pixels
    Then it is refused with undecodable
    When the terminal is made to send a picture of no height
    Then it is refused with undecodable
    When the terminal is made to send a picture of no bytes
    Then it is refused with not_a_picture
    And nobody is debited
    And the books are right
