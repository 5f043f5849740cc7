"""Products have no photographs: what would be made of them is one picture for all."""

from django.templatetags.static import static


class _Picture:
    url = static("oscar/img/image_not_found.jpg")


class NoPictures:
    def generate_thumbnail(self, source, **options):
        return _Picture

    def delete_thumbnails(self, source):
        return None
