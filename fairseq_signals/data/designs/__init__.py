"""Who is pre-trained on, trained on and tested on in a published study: patients dealt out by its rules."""
