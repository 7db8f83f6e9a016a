"""What happens in the sample company in twelve weeks: who learns, asks, answers, shares and teaches what, and when.

Weeks are counted from Monday, 31 August 2026. Everybody and everything here is made up.
"""

from __future__ import annotations

from typing import NamedTuple

PEOPLE = {
    "ines": "Ines Albrecht", "tomas": "Tomas Varga", "priya": "Priya Raman", "jonas": "Jonas Lindqvist",
    "miriam": "Miriam Okafor", "leo": "Leo Brandt", "sofia": "Sofia Marques", "yusuf": "Yusuf Demir",
    "hanna": "Hanna Virtanen", "mateo": "Mateo Rojas", "clara": "Clara Nyström", "kwame": "Kwame Mensah",
    "aiko": "Aiko Tanabe", "piotr": "Piotr Zielinski", "nora": "Nora Byrne", "samir": "Samir Haddad",
}  # fmt: skip
PARTNER_STAFF = ("nora", "samir")
"""Known by their account at the partners' portal, not by an address."""

COURSES = {
    "brazing-safely": "Brazing safely",
    "battery-handling": "Handling lithium batteries",
    "wheel-building": "Wheel building",
    "frame-alignment": "Frame alignment",
    "torque": "Reading a torque chart",
    "customers": "Talking with customers",
    "data-protection": "Data protection in daily work",
    "first-aid": "First aid refresher",
    "lean": "Less waste in the workshop",
    "instructions": "Writing clear instructions",
}

# Who finishes which course in which week, with which score. Ines becomes a keen learner, although her first try at
# wheel building falls short; Tomas would be one, had his fifth completion not been a mistake that is voided later.
COURSE_PLAN = {
    "ines": [("brazing-safely", 0, 0.92), ("wheel-building", 2, 0.74), ("wheel-building", 3, 0.86),
             ("data-protection", 5, 0.95), ("torque", 7, 0.81), ("instructions", 10, 0.9)],
    "tomas": [("battery-handling", 1, 0.88), ("data-protection", 3, 0.84), ("lean", 5, 0.91), ("torque", 8, 0.8),
              ("frame-alignment", 9, 0.97)],
    "priya": [("customers", 2, 0.93), ("data-protection", 6, 0.89)],
    "jonas": [("frame-alignment", 1, 0.97), ("battery-handling", 6, 0.9)],
    "miriam": [("instructions", 2, 1.0), ("lean", 8, 0.87)],
    "leo": [("first-aid", 3, 0.71), ("data-protection", 9, 0.78)],
    "sofia": [("customers", 1, 0.83), ("data-protection", 4, 0.96), ("first-aid", 9, 0.88)],
    "yusuf": [("brazing-safely", 2, 0.79), ("battery-handling", 7, 0.85)],
    "hanna": [("wheel-building", 1, 0.9), ("torque", 4, 0.94), ("frame-alignment", 6, 0.88), ("lean", 8, 0.92),
              ("data-protection", 10, 0.99)],
    "mateo": [("customers", 5, 0.68), ("data-protection", 10, 0.82)],
    "clara": [("instructions", 3, 0.91), ("data-protection", 7, 0.93)],
    "kwame": [("battery-handling", 4, 0.87)],
    "aiko": [("wheel-building", 6, 0.95), ("torque", 11, 0.89)],
    "piotr": [("brazing-safely", 8, 0.72)],
    "nora": [("data-protection", 2, 0.9), ("customers", 8, 0.86)],
    "samir": [("data-protection", 3, 0.77)],
}  # fmt: skip

VIDEOS = ["Truing a wheel by ear", "What a battery tells you", "Lifting a frame with two people", "Sketching a jig",
          "A tour of the paint shop", "Reading a fault code"]  # fmt: skip

# Who shares what in which week; Priya is the one who shares most, and too much on one Wednesday.
SHARED = {
    "priya": [(0, "How to give feedback that lands"), (1, "Why bearings fail"), (3, "Hydraulic brakes, explained"),
              (3, "Ten minutes on ergonomics"), (3, "A history of the cargo bike"), (3, "Choosing a grease"),
              (3, "Calmer meetings"), (5, "Fatigue in aluminium"), (6, "Reading a wiring plan"),
              (7, "Winter tyres compared"), (8, "Paint without solvents"), (10, "Listening to customers")],
    "ines": [(1, "Notes on silver brazing"), (4, "A better spoke calculator"), (6, "Why checklists work"),
             (9, "Torque myths"), (11, "What we can learn from aviation")],
    "sofia": [(2, "Five questions before an offer"), (7, "The city of short ways"), (11, "Subsidies for cargo bikes")],
    "clara": [(0, "Plain language, step by step"), (5, "Pictures that instruct"), (10, "Words to avoid in a manual")],
    "aiko": [(4, "Small jigs, big effect"), (9, "Photographs of forty bicycle shops")],
    "kwame": [(2, "Charging at five degrees"), (8, "How cells age")],
    "jonas": [(3, "Measuring a bent fork"), (10, "The flat surface, revisited")],
    "mateo": [(6, "A day in a bike library")],
    "nora": [(5, "What dealers ask most")],
}  # fmt: skip
WRITTEN = {
    "clara": [(2, "How we write work instructions"), (8, "Our words: a short list")],
    "jonas": [(5, "Checking a frame in ten minutes")],
    "hanna": [(9, "Spoke tension: what we aim for")],
}


class Question(NamedTuple):
    """A question in the forum: who asks in which week, who answers, and whose answer is accepted."""

    week: int
    asker: str
    title: str
    answers: tuple[str, ...]
    accepted: str | None


QUESTIONS = (
    Question(0, "leo", "Which flux for the thin lugs?", ("jonas", "miriam"), "jonas"),
    Question(1, "yusuf", "How tight is too tight on the stem?", ("hanna", "ines"), "hanna"),
    Question(2, "piotr", "Frame 212 pulls to the left, any idea?", ("jonas",), "jonas"),
    Question(3, "mateo", "What do I say when the delivery is late?", ("sofia", "priya"), "sofia"),
    Question(4, "aiko", "Where is the drawing of the old jig?", ("jonas", "clara"), "jonas"),
    Question(5, "samir", "May dealers open the battery case?", ("kwame", "tomas"), "kwame"),
    Question(5, "kwame", "Do we have a template for test reports?", ("clara",), "clara"),
    Question(6, "leo", "Rim brake or disc for the rental fleet?", ("hanna", "yusuf", "ines"), None),
    Question(7, "nora", "How do customers return a wheel?", ("sofia", "mateo"), "sofia"),
    Question(8, "tomas", "Is there a quicker way to align the rear end?", ("jonas", "hanna"), "jonas"),
    Question(9, "yusuf", "Which grease for the steering head?", ("jonas", "ines"), "jonas"),
    Question(10, "sofia", "Can we promise delivery before Christmas?", ("mateo",), None),
    Question(10, "piotr", "Paint blisters on two forks: what now?", ("aiko", "jonas"), "jonas"),
    Question(11, "priya", "Who has a good example of a risk assessment?", ("miriam", "clara"), "miriam"),
)

# Who taught whom what: the learner records it, with the teacher as the instructor. Leo once records that he taught
# himself.
TAUGHT = (
    (1, "miriam", "leo", "lug-brazing"), (1, "miriam", "piotr", "lug-brazing"), (2, "miriam", "yusuf", "lug-brazing"),
    (3, "jonas", "aiko", "fork-check"), (4, "miriam", "aiko", "tig-basics"), (5, "hanna", "leo", "lacing"),
    (6, "miriam", "kwame", "tig-basics"), (6, "hanna", "mateo", "lacing"), (7, "jonas", "piotr", "fork-check"),
    (8, "miriam", "leo", "tig-basics"), (8, "leo", "leo", "tig-basics"), (9, "hanna", "yusuf", "lacing"),
    (10, "miriam", "leo", "fillet-brazing"), (10, "clara", "nora", "photo-guides"), (11, "hanna", "aiko", "lacing"),
)  # fmt: skip

WEBINARS = ((3, "Batteries on the road: new rules", ("kwame", "tomas", "yusuf", "sofia", "samir")),
            (7, "Cargo bikes in the city", ("sofia", "mateo", "priya", "nora", "ines")),
            (10, "Repairable by design", ("hanna", "aiko", "jonas", "clara", "ines", "tomas")))  # fmt: skip
