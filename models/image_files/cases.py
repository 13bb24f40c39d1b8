"""Every file."""

from models.image_files import jpeg, others, png, tiff


def all_cases():
    for module in (png, jpeg, tiff, others):
        yield from module.all_cases()
