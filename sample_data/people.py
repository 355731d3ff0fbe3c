"""Invented people of many cultures, with addresses and numbers that are reserved for examples."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

NAMES: Final = (
    ("Ann Grace Harold Ruby Wesley", "Baker Carter Lee Whitfield Young"),
    ("Aoife Cillian Niamh Siobhán Oisín", "O'Brien O'Sullivan Ó_Cuinn Byrne Ní_Dhuibhne"),
    ("Zoë Chloé François Hélène Jérôme", "Lefèvre D'Aubigné Noël Garçon Béranger"),
    ("Jürgen Käthe Sören Björn Anneliese", "Müller Groß Schröder von_der_Heide Köhler"),
    ("Łukasz Małgorzata Paweł Żaneta Agnieszka", "Wójcik Dąbrowski Łuczak Świątek Nowak"),
    ("Søren Åsa Ingrid Øystein Mårten", "Ångström Sørensen Bjørnsson Ødegård Lindqvist"),
    ("José María Begoña Iñaki Lucía", "García_Márquez Núñez Ibáñez de_la_Cruz Muñoz"),
    ("João Conceição Inês Luís Tânia", "Gonçalves Simões Araújo Magalhães Brandão"),
    ("Ayşe Çağla İbrahim Özgür Şule", "Yılmaz Öztürk Güneş Çelik Doğan"),  # noqa: RUF001 - Turkish
    ("Nguyễn Thảo Đức Hạnh Quốc", "Trần Phạm Đặng Huỳnh Võ"),
    ("Ioana Ștefan Mihai Țuțea Ana-Maria", "Ionescu Popa Văcărescu Țiriac Brâncuși"),
    ("Ivan/Иван Olga/Ольга Pyotr/Пётр Yelena/Елена", "Petrov/Петров Ivanova/Иванова Sokolov/Соколов"),
    ("Giorgos/Γιώργος Eleni/Ελένη Nikos/Νίκος", "Papadopoulos/Παπαδόπουλος Ioannou/Ιωάννου"),
    ("Fang/芳 Wei/伟 Xiuying/秀英 Min/敏", "Wang/王 Li/李 Zhang/张 Ouyang/欧阳"),
    ("Yuki/ゆき Haruto/陽翔 Sakura/さくら", "Sato/佐藤 Suzuki/鈴木 Takahashi/高橋"),
    ("Minjun/민준 Seoyeon/서연 Jihoon/지훈", "Kim/김 Lee/이 Park/박"),
    ("Muhammad/محمد Fatima/فاطمة Layla/ليلى", "Haddad/حداد Khoury/خوري Mansour/منصور"),
    ("Shira/שירה David/דוד Noa/נועה", "Cohen/כהן Levi/לוי Mizrahi/מזרחי"),
    ("Amit/अमित Priya/प्रिया Ravi/रवि", "Sharma/शर्मा Patel/पटेल Gupta/गुप्ता"),
    ("Chidi Ngozi Olúfẹ́mi Adébáyọ̀ Yẹ́misí", "Okonkwo Adéyẹmí Eze Ọláníyan Balogun"),
    ("Keola Leilani Kamakana Nāʻālehu Pua", "Kahananui Kealoha ʻAkana Māhoe Kalākaua"),  # noqa: RUF001 - Hawaiian
    ("Tāne Aroha Wiremu Hēmi Ngaire", "Ngata Te_Rangi Parata Hōhepa Walker"),
)
"""First and last names by culture; `Latin/written` where the script is not Latin, `_` for a space within a name."""
LATIN: Final = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ß": "ss", "ı": "i"})  # noqa: RUF001 - Turkish
AREA_CODES: Final = (
    *(201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228),
    *(229, 231, 234, 239, 240, 248, 251, 252, 253, 254, 256, 260, 262, 267, 269, 270, 276, 281, 301, 302),
    *(303, 304, 305, 307, 308, 309, 310, 312, 313, 314, 315, 316, 317, 318, 319, 320, 321, 323, 330, 334),
)
"""Each has the hundred numbers 555-0100 to 555-0199, which are kept for fiction."""
ABROAD: Final = ("+44207946{:04d}", "+44161496{:04d}", "+612555{:05d}")
"""Numbers kept for drama in London, Manchester and New South Wales; each prefix is followed by a number below 1000."""
DOMAINS: Final = ("example.com", "example.org", "example.net")


class Dice:
    """Chance that repeats itself: of `random`, only `random()` promises the same sequence in every Python version."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random  # noqa: S311 - invents data, protects nothing

    def below(self, limit: int) -> int:
        """A number from 0 to `limit` - 1."""
        return int(self._random() * limit)

    def one_of(self, choices: Sequence[T]) -> T:
        """One of the choices."""
        return choices[self.below(len(choices))]

    def chance(self, percent: int) -> bool:
        """True `percent` times of a hundred."""
        return self.below(100) < percent

    def shuffle(self, items: list[T]) -> None:
        """Puts the items in another order."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an address and a number that nobody else has. `phone` is E.164."""

    key: str
    first: str
    last: str
    email: str
    phone: str
    born: str
    """dd/mm/yyyy"""


def invent(number: int, dice: Dice) -> Person:
    """The person of that number; numbers below 6000 give each a phone number of their own."""
    firsts, lasts = dice.one_of(NAMES)
    first_latin, _, first = dice.one_of(firsts.split()).replace("_", " ").partition("/")
    last_latin, _, last = dice.one_of(lasts.split()).replace("_", " ").partition("/")
    mailbox = f"{_latin(first_latin)}.{_latin(last_latin)}{number}"
    born = f"{1 + dice.below(28):02d}/{1 + dice.below(12):02d}/{1940 + dice.below(66)}"
    return Person(
        key=str(200_000 + number * 13),
        first=(first or first_latin) + (' "Sunny"' if number % 53 == 0 else ""),
        last=(last or last_latin) + (", Jr." if number % 41 == 0 else ""),
        email=f"{mailbox}@{dice.one_of(DOMAINS)}",
        phone=_phone(number),
        born=born,
    )


def american(number: int, dice: Dice) -> Person:
    """The same with an American number, and without example.net."""
    person = invent(number, dice)
    return replace(person, email=person.email.replace("@example.net", "@example.org"), phone=_american_phone(number))


def _phone(number: int) -> str:
    area, line = divmod(number, 100)
    if line % 33 == 0:
        abroad = area * 4 + line // 33
        return ABROAD[abroad % len(ABROAD)].format(abroad)
    return _american_phone(number)


def _american_phone(number: int) -> str:
    area, line = divmod(number, 100)
    return f"+1{AREA_CODES[area]}55501{line:02d}"


def _latin(name: str) -> str:
    """Letters and digits of ASCII, for a mailbox."""
    plain = unicodedata.normalize("NFKD", name.lower().translate(LATIN))
    return "".join(letter for letter in plain if letter.isascii() and letter.isalnum())
