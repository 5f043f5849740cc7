"""Fills the shop: the same catalogue, customers, orders and reviews every time."""

import os
import random
from datetime import timedelta
from decimal import Decimal

import django

django.setup()

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model  # noqa: E402
from django.contrib.auth.hashers import make_password  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from oscar.core.loading import get_model  # noqa: E402

import shop_catalogue as content  # noqa: E402
from shop_settings import EPOCH  # noqa: E402

chance = random.Random(20260316)

Category = get_model("catalogue", "Category")
Country = get_model("address", "Country")
Line = get_model("order", "Line")
LinePrice = get_model("order", "LinePrice")
Order = get_model("order", "Order")
OrderNote = get_model("order", "OrderNote")
Partner = get_model("partner", "Partner")
Product = get_model("catalogue", "Product")
ProductClass = get_model("catalogue", "ProductClass")
ProductReview = get_model("reviews", "ProductReview")
ShippingAddress = get_model("order", "ShippingAddress")
StockRecord = get_model("partner", "StockRecord")
UserAddress = get_model("address", "UserAddress")
User = get_user_model()


def user(email, first, last, **more):
    return User.objects.create(
        username=email.split("@")[0],
        email=email,
        first_name=first,
        last_name=last,
        password=make_password("throwaway", salt="hearth"),
        date_joined=EPOCH - timedelta(days=chance.randint(100, 700)),
        **more,
    )


def log_in(account, key):
    """A session that the login of `site.json` names."""
    content = {
        SESSION_KEY: str(account.pk),
        BACKEND_SESSION_KEY: "oscar.apps.customer.auth_backends.EmailBackend",
        HASH_SESSION_KEY: account.get_session_auth_hash(),
    }
    Session.objects.create(
        session_key=key,
        session_data=SessionStore().encode(content),
        expire_date=EPOCH + timedelta(days=3650),
    )


def fill_catalogue():
    kind = ProductClass.objects.create(name="Goods", requires_shipping=True, track_stock=True)
    suppliers = {name: Partner.objects.create(name=name, code=name.lower().replace(" ", "-")) for name in content.suppliers}
    products = []
    for top, groups in content.catalogue.items():
        parent = Category.add_root(name=top, description=f"Everything for the {top.lower()}.")
        for group, titles in groups.items():
            category = Category.objects.get(pk=parent.pk).add_child(name=group, description="")
            for title, price, description in titles:
                product = Product.objects.create(
                    title=title,
                    upc=f"HF{1000 + len(products)}",
                    description=f"<p>{description}</p>",
                    product_class=kind,
                )
                product.categories.add(category)
                supplier = chance.choice(content.suppliers)
                StockRecord.objects.create(
                    product=product,
                    partner=suppliers[supplier],
                    partner_sku=f"{supplier[:2].upper()}-{500 + len(products)}",
                    price_currency="GBP",
                    price=Decimal(price),
                    num_in_stock=chance.choice([0, 2, 3, 4, 12, 25, 40, 60, 85]),
                    low_stock_threshold=5,
                )
                products.append(product)
    return products


def address_of(account, place, **more):
    street, town, postcode = place
    return dict(
        first_name=account.first_name,
        last_name=account.last_name,
        line1=street,
        line4=town,
        postcode=postcode,
        country=Country.objects.get(pk="GB"),
        **more,
    )


def place_order(number, account, place, products, placed):
    lines = [(product, chance.choice([1, 1, 1, 2, 3])) for product in chance.sample(products, chance.choice([1, 2, 2, 3]))]
    total = sum(product.stockrecords.first().price * quantity for product, quantity in lines)
    age = (EPOCH - placed).days
    status = "Pending" if age < 6 else "Processing" if age < 14 else chance.choice(["Shipped", "Complete", "Complete", "Complete", "Cancelled"])
    order = Order.objects.create(
        number=str(number),
        user=account,
        currency="GBP",
        total_incl_tax=total,
        total_excl_tax=total,
        shipping_incl_tax=0,
        shipping_excl_tax=0,
        shipping_method="Free shipping",
        shipping_code="free-shipping",
        shipping_address=ShippingAddress.objects.create(**address_of(account, place)),
        status=status,
        date_placed=placed,
        site_id=1,
    )
    for product, quantity in lines:
        stock = product.stockrecords.first()
        price = stock.price
        line = Line.objects.create(
            order=order,
            partner=stock.partner,
            partner_name=stock.partner.name,
            partner_sku=stock.partner_sku,
            stockrecord=stock,
            product=product,
            title=product.title,
            upc=product.upc,
            quantity=quantity,
            num_allocated=0,
            allocation_cancelled=True,
            line_price_incl_tax=price * quantity,
            line_price_excl_tax=price * quantity,
            line_price_before_discounts_incl_tax=price * quantity,
            line_price_before_discounts_excl_tax=price * quantity,
            unit_price_incl_tax=price,
            unit_price_excl_tax=price,
            status=status,
        )
        LinePrice.objects.create(order=order, line=line, quantity=quantity, price_incl_tax=price, price_excl_tax=price)


def write_review(product, account, written, is_approved):
    score = chance.choice([1, 2, 3, 3, 4, 4, 5, 5, 5])
    title, body = chance.choice(content.reviews[score])
    review = ProductReview.objects.create(
        product=product,
        user=account,
        score=score,
        title=title,
        body=body,
        status=ProductReview.APPROVED if is_approved else ProductReview.FOR_MODERATION,
    )
    ProductReview.objects.filter(pk=review.pk).update(date_created=written)


def fill():
    Country.objects.create(
        iso_3166_1_a2="GB", iso_3166_1_a3="GBR", iso_3166_1_numeric="826", printable_name="United Kingdom",
        name="United Kingdom of Great Britain and Northern Ireland", is_shipping_country=True,
    )  # fmt: skip
    products = fill_catalogue()
    administrator = user("admin@hearthandfield.example", "Ada", "Keeper", is_staff=True, is_superuser=True)
    customers = [
        user(f"{first.lower()}.{last.lower()}@mail.example", first, last) for first, last in content.customers
    ]
    places = [(f"{chance.randint(1, 120)} {street}", town, code) for street, town, code in content.places]
    for index, account in enumerate(customers):
        UserAddress.objects.create(user=account, is_default_for_shipping=True, **address_of(account, places[index % len(places)]))
    days = sorted((chance.uniform(0.5, 400) for _ in range(140)), reverse=True)
    for number, day in enumerate(days, 100201):
        index = 0 if number % 12 == 0 else chance.randrange(len(customers))
        place_order(number, customers[index], places[index % len(places)], products, EPOCH - timedelta(days=day))
    for product in products:
        for account in chance.sample(customers, chance.choice([0, 1, 2, 3, 4, 5])):
            write_review(product, account, EPOCH - timedelta(days=chance.uniform(20, 300)), True)
    for product in chance.sample(products, 9):
        reviewers = ProductReview.objects.filter(product=product).values_list("user_id", flat=True)
        account = chance.choice([one for one in customers if one.pk not in set(reviewers)])
        write_review(product, account, EPOCH - timedelta(days=chance.uniform(1, 15)), False)
    for product in products:
        product.update_rating()
    log_in(customers[0], "customersession0000000000000000")
    log_in(administrator, "administrator000000000000000000")


with transaction.atomic():
    fill()
with connection.cursor() as cursor:
    cursor.execute("VACUUM")
os.makedirs(os.path.join(os.environ["SITE_STATE"], "media"), exist_ok=True)
