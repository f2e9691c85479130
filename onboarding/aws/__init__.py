"""The only importer of boto3 and botocore: asks AWS, and answers in the words of `observed`.

Knows nothing of Django's models, of Celery or of any person. Every refusal leaves as `errors.AwsFailure`.
"""
