from datetime import datetime, timezone

from django.core.wsgi import get_wsgi_application

from shop_settings import site_clock

answer = get_wsgi_application()


def application(environ, start_response):
    """Has everything that a request does happen at the time that the request names."""
    if "HTTP_SITE_CLOCK" in environ:
        site_clock.set(datetime.fromtimestamp(int(environ["HTTP_SITE_CLOCK"]), timezone.utc))
    return answer(environ, start_response)
